/**
 * What was downloaded, by its digest: packed on disk, unpacked in memory, both bounded and shared
 * by all Applications. Whoever asks for a digest has been told it by the registry, with his own
 * credential; nobody can guess one.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { ObjectTree } from "../object-tree.ts";
import type { Tree } from "../source.ts";
import { SourceError, systemErrorCode } from "../source-error.ts";
import { pathNotFound } from "../tree-path.ts";
import { type Archive, type ArchiveLayout, openArchive } from "./archive/archive.ts";

export interface ArtifactStoreLimits {
  /** Largest archive that is downloaded. Flux's and Argo CD's own are of this order. */
  readonly maxArchiveBytes: number;
  /** All archives on disk together; the least recently used go first. */
  readonly maxDiskBytes: number;
  /** All unpacked archives together; one larger than this is unpacked again at every use. */
  readonly maxMemoryBytes: number;
}

export const DEFAULT_ARTIFACT_LIMITS: ArtifactStoreLimits = {
  maxArchiveBytes: 50 * 1024 * 1024,
  maxDiskBytes: 1024 * 1024 * 1024,
  maxMemoryBytes: 96 * 1024 * 1024,
};

export interface ArchiveRequest {
  /** `sha256:…` of the packed archive. */
  readonly digest: string;
  readonly layout: ArchiveLayout;
  /** Shown in errors. */
  readonly where: string;
  /** Called when the archive is not here (any more). */
  readonly download: () => Promise<AsyncIterable<Buffer>>;
}

export const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

export class ArtifactStore {
  readonly #directory: string;
  readonly #limits: ArtifactStoreLimits;
  /** Least recently used first. */
  readonly #unpacked = new Map<string, Archive>();
  readonly #opening = new Map<string, Promise<Archive>>();
  #memoryBytes = 0;

  constructor(directory: string, limits: Partial<ArtifactStoreLimits> = {}) {
    this.#directory = directory;
    this.#limits = { ...DEFAULT_ARTIFACT_LIMITS, ...limits };
  }

  /** The tree of an archive; it stays readable after the archive has left memory. */
  async tree(request: ArchiveRequest): Promise<Tree> {
    const { rootId } = await this.#archive(request);
    return new ObjectTree(rootId, {
      where: request.where,
      directory: async (id) => found(request, id, (await this.#archive(request)).directories),
      blob: async (id, maxBytes) => {
        const content = found(request, id, (await this.#archive(request)).contents);
        if (content.length > maxBytes) throw fileTooLarge(request.where, content.length, maxBytes);
        return content;
      },
    });
  }

  /**
   * Keeps an archive.
   * @param expected its digest, when it is known
   * @throws SourceError `too-large` or `corrupt`
   */
  async put(chunks: AsyncIterable<Buffer>, where: string, expected?: string): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = join(this.#directory, `${randomUUID()}.tmp`);
    const file = await open(temporary, "wx", 0o600);
    try {
      const hash = createHash("sha256");
      let sizeBytes = 0;
      for await (const chunk of chunks) {
        sizeBytes += chunk.length;
        if (sizeBytes > this.#limits.maxArchiveBytes)
          throw downloadTooLarge(where, this.#limits.maxArchiveBytes);
        hash.update(chunk);
        await file.write(chunk);
      }
      const digest = `sha256:${hash.digest("hex")}`;
      if (expected !== undefined && digest !== expected) throw wrongDigest(where, expected, digest);
      await file.close();
      await rename(temporary, this.#path(digest));
      await this.#evict(digest);
      return digest;
    } finally {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    }
  }

  async #archive(request: ArchiveRequest): Promise<Archive> {
    const key = `${request.layout} ${request.digest}`;
    const known = this.#unpacked.get(key);
    if (known !== undefined) {
      this.#unpacked.delete(key);
      this.#unpacked.set(key, known);
      return known;
    }
    let opening = this.#opening.get(key);
    if (opening === undefined) {
      opening = this.#open(request).finally(() => this.#opening.delete(key));
      this.#opening.set(key, opening);
      const archive = await opening;
      this.#remember(key, archive);
      return archive;
    }
    return opening;
  }

  async #open(request: ArchiveRequest): Promise<Archive> {
    let packed = await this.#read(request.digest);
    if (packed === undefined) {
      await this.put(await request.download(), request.where, request.digest);
      packed = await this.#read(request.digest);
    }
    if (packed === undefined) throw vanished(request.where);
    return openArchive(packed, request.layout, request.where);
  }

  /** A file that is damaged on disk is as good as none. */
  async #read(digest: string): Promise<Buffer | undefined> {
    const path = this.#path(digest);
    try {
      const packed = await readFile(path);
      if (`sha256:${createHash("sha256").update(packed).digest("hex")}` !== digest)
        return undefined;
      const now = new Date();
      await utimes(path, now, now);
      return packed;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  #remember(key: string, archive: Archive): void {
    if (archive.sizeBytes > this.#limits.maxMemoryBytes) return;
    this.#unpacked.set(key, archive);
    this.#memoryBytes += archive.sizeBytes;
    for (const [oldest, { sizeBytes }] of this.#unpacked) {
      if (this.#memoryBytes <= this.#limits.maxMemoryBytes) return;
      this.#unpacked.delete(oldest);
      this.#memoryBytes -= sizeBytes;
    }
  }

  async #evict(keep: string): Promise<void> {
    const files: { path: string; sizeBytes: number; usedMs: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const stats = await stat(path).catch(() => undefined);
      if (stats !== undefined) files.push({ path, sizeBytes: stats.size, usedMs: stats.mtimeMs });
    }
    let total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { path, sizeBytes } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (total <= this.#limits.maxDiskBytes) return;
      if (path === this.#path(keep)) continue;
      await rm(path, { force: true });
      total -= sizeBytes;
    }
  }

  #path(digest: string): string {
    return join(this.#directory, digest.replace(":", "-"));
  }
}

function found<T>(request: ArchiveRequest, id: string, all: ReadonlyMap<string, T>): T {
  const value = all.get(id);
  if (value === undefined) throw pathNotFound(request.where, id);
  return value;
}

function fileTooLarge(where: string, sizeBytes: number, maxBytes: number): SourceError {
  return new SourceError("too-large", {
    what: `a file has ${sizeBytes} bytes, more than the limit of ${maxBytes}`,
    where,
    advice: "Split the file, or keep large files out of the directory that is deployed.",
  });
}

function downloadTooLarge(where: string, maxBytes: number): SourceError {
  return new SourceError("too-large", {
    what: `the archive has more than ${maxBytes} bytes`,
    where,
    advice: "Package only the manifests.",
  });
}

function wrongDigest(where: string, expected: string, found: string): SourceError {
  return new SourceError("corrupt", {
    what: `the server sent an archive with the digest ${found} instead of ${expected}`,
    where,
    advice: "Nothing of it was used. It is tried again by itself; publish it anew if this stays.",
  });
}

function vanished(where: string): SourceError {
  return new SourceError("local-io", {
    what: "a downloaded archive cannot be read back from the data directory",
    where,
    advice: "Check that the disk has space left. It is tried again by itself.",
  });
}
