/** Reads objects with isomorphic-git: needs no git binary. Packs that are in use stay in memory. */
import fs from "node:fs";
import type { GitObject, GitObjectReader, GitObjectType } from "./git-objects.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { blobTooLarge } from "./object-tree.ts";
import { SourceError } from "./source-error.ts";

/** Between polls of an idle repository its packs need not fill memory. */
const IDLE_MS = 30_000;

const OBJECT_TYPES: ReadonlySet<string> = new Set<GitObjectType>(["commit", "tree", "blob", "tag"]);

export class IsomorphicObjects implements GitObjectReader {
  readonly #gitDir: string;
  readonly #where: string;
  /** isomorphic-git keeps parsed indexes and whole packs in here. */
  #cache: object = {};
  #idle: NodeJS.Timeout | undefined;

  constructor(gitDir: string, where: string) {
    this.#gitDir = gitDir;
    this.#where = where;
  }

  async read(id: string, maxBytes: number): Promise<GitObject> {
    if (!OBJECT_ID.test(id)) throw objectMissing(this.#where, id);
    this.#keepCacheAwhile();
    const { type, object } = await this.#readObject(id);
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.byteLength);
    if (bytes.length > maxBytes) throw blobTooLarge(this.#where, id, bytes.length, maxBytes);
    return { type, bytes };
  }

  async #readObject(id: string): Promise<{ type: GitObjectType; object: Uint8Array }> {
    // Half a megabyte of code that is needed only where there is no git binary.
    const { default: git } = await import("isomorphic-git");
    try {
      const result = await git.readObject({
        fs,
        gitdir: this.#gitDir,
        oid: id,
        format: "content",
        cache: this.#cache,
      });
      if (result.format !== "content" || !isObjectType(result.type))
        throw corruptObject(this.#where, id, new Error(`unexpected format ${result.format}`));
      return { type: result.type, object: result.object };
    } catch (error) {
      if (error instanceof SourceError) throw error;
      if (error instanceof git.Errors.NotFoundError) throw objectMissing(this.#where, id);
      throw corruptObject(this.#where, id, error);
    }
  }

  #keepCacheAwhile(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.refresh(), IDLE_MS);
    this.#idle.unref();
  }

  refresh(): void {
    this.#cache = {};
  }

  close(): Promise<void> {
    clearTimeout(this.#idle);
    this.refresh();
    return Promise.resolve();
  }
}

function isObjectType(type: string | undefined): type is GitObjectType {
  return type !== undefined && OBJECT_TYPES.has(type);
}

export function objectMissing(where: string, id: string): SourceError {
  return new SourceError("object-missing", {
    what: `object ${JSON.stringify(id)} is not in the repository`,
    where,
    advice: "Fetch again; if it stays missing, run `git fsck` in the repository.",
  });
}

export function corruptObject(where: string, id: string, cause: unknown): SourceError {
  return new SourceError("corrupt", {
    what: `object ${id} cannot be read`,
    where,
    advice: "The repository is damaged: run `git fsck`, or let the copy be fetched anew.",
    cause,
  });
}
