/**
 * The files that a program gets to see: chosen from trees, named as they are inside the sandbox,
 * decrypted on the way, and never more than they have to be. Their ids make the cache key, so that
 * content is only read when the program really runs.
 */
import { createHash } from "node:crypto";
import type { Decryptor } from "../decrypt/decryptor.ts";
import type { Tree } from "../source/source.ts";
import { MAX_INPUT_BYTES, type SandboxFile } from "./programs/sandbox.ts";

/** More files than this are no chart and no overlay. */
const MAX_VISIBLE_FILES = 20_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Blobs that are asked for at once. */
const READ_AHEAD = 32;

type Visible =
  | { readonly tree: Tree; readonly blobId: string; readonly from: string }
  | { readonly link: string }
  | { readonly content: Uint8Array };

export interface LoadedFiles {
  readonly files: readonly SandboxFile[];
  /** Content of files that were encrypted: nothing of it may be repeated in messages. */
  readonly decrypted: readonly Uint8Array[];
}

/** There is more than the sandbox takes. */
export class TooManyFilesError extends Error {
  override readonly name = "TooManyFilesError";
}

export class VisibleFiles {
  readonly #files = new Map<string, Visible>();

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** @param from the file's path in its tree: what messages call it */
  add(
    path: string,
    file: { readonly tree: Tree; readonly blobId: string; readonly from: string },
  ): void {
    this.#set(path, file);
  }

  addLink(path: string, target: string): void {
    this.#set(path, { link: target });
  }

  addContent(path: string, content: string): void {
    this.#set(path, { content: Buffer.from(content) });
  }

  #set(path: string, file: Visible): void {
    if (this.#files.size >= MAX_VISIBLE_FILES && !this.#files.has(path))
      throw new TooManyFilesError(`there are more than ${MAX_VISIBLE_FILES} files`);
    this.#files.set(path, file);
  }

  /** Where a file of the sandbox stands in its tree. */
  fromOf(path: string): string | undefined {
    const file = this.#files.get(path);
    return file !== undefined && "from" in file ? file.from : undefined;
  }

  paths(): Iterable<string> {
    return this.#files.keys();
  }

  blobIdOf(path: string): string | undefined {
    const file = this.#files.get(path);
    return file !== undefined && "blobId" in file ? file.blobId : undefined;
  }

  /** The same for the same files under the same names. */
  digest(): string {
    const hash = createHash("sha256");
    for (const path of [...this.#files.keys()].sort()) {
      const file = this.#files.get(path);
      if (file === undefined) continue;
      const id = "blobId" in file ? file.blobId : "link" in file ? `→${file.link}` : file.content;
      hash.update(`${path}\0`).update(id).update("\0");
    }
    return hash.digest("hex");
  }

  /** @throws SourceError, DecryptError, TooManyFilesError */
  async load(decryptor: Decryptor | undefined): Promise<LoadedFiles> {
    const loaded: SandboxFile[] = [];
    const decrypted: Uint8Array[] = [];
    let bytes = 0;
    const entries = [...this.#files];
    for (let at = 0; at < entries.length; at += READ_AHEAD) {
      const batch = await Promise.all(
        entries.slice(at, at + READ_AHEAD).map(async ([path, file]): Promise<SandboxFile> => {
          if ("link" in file) return { path, link: file.link };
          if ("content" in file) return { path, content: file.content };
          const content = await file.tree.blob(file.blobId, { maxBytes: MAX_FILE_BYTES });
          const clear = await decryptor?.decryptFile(file.from, content);
          if (clear !== undefined) decrypted.push(clear);
          return { path, content: clear ?? content };
        }),
      );
      for (const file of batch) bytes += "content" in file ? file.content.length : 0;
      if (bytes > MAX_INPUT_BYTES)
        throw new TooManyFilesError(`the files are larger than ${MAX_INPUT_BYTES} bytes together`);
      loaded.push(...batch);
    }
    return { files: loaded, decrypted };
  }
}
