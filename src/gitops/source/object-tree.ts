/** The one implementation of `Tree`: directories and blobs that are found by their id. */
import type { Tree, TreeEntry } from "./source.ts";
import { SourceError } from "./source-error.ts";
import { pathNotFound, splitPath } from "./tree-path.ts";

/** What a tree is made of; shared by all trees of a repository. */
export interface TreeObjects {
  /** Shown in errors. */
  readonly where: string;
  directory(id: string): Promise<Directory>;
  blob(id: string, maxBytes: number): Promise<Uint8Array>;
}

/** The entries of one directory, sorted by name, with a lookup that stays fast for large ones. */
export interface Directory {
  readonly entries: readonly TreeEntry[];
  readonly byName: ReadonlyMap<string, TreeEntry>;
}

export function directoryOf(entries: readonly TreeEntry[]): Directory {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { entries: sorted, byName: new Map(sorted.map((entry) => [entry.name, entry])) };
}

/**
 * Readers that need less pass their own bound; without one a blob may be this large (what a
 * web forge accepts as one file).
 */
const DEFAULT_MAX_BLOB_BYTES = 100 * 1024 * 1024;

export class ObjectTree implements Tree {
  readonly id: string;
  readonly #objects: TreeObjects;

  constructor(id: string, objects: TreeObjects) {
    this.id = id;
    this.#objects = objects;
  }

  async entries(path: string): Promise<readonly TreeEntry[]> {
    const id = await this.treeIdOf(path);
    if (id === undefined) throw pathNotFound(this.#objects.where, path);
    return (await this.#objects.directory(id)).entries;
  }

  async entry(path: string): Promise<TreeEntry | undefined> {
    const names = splitPath(path);
    const last = names?.pop();
    if (names === undefined || last === undefined) return undefined;
    const parentId = await this.#directoryId(names);
    if (parentId === undefined) return undefined;
    return (await this.#objects.directory(parentId)).byName.get(last);
  }

  async treeIdOf(path: string): Promise<string | undefined> {
    const names = splitPath(path);
    return names === undefined ? undefined : this.#directoryId(names);
  }

  async #directoryId(names: readonly string[]): Promise<string | undefined> {
    let id = this.id;
    for (const name of names) {
      const entry = (await this.#objects.directory(id)).byName.get(name);
      if (entry?.kind !== "directory") return undefined;
      id = entry.id;
    }
    return id;
  }

  blob(id: string, options: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    return this.#objects.blob(id, options.maxBytes ?? DEFAULT_MAX_BLOB_BYTES);
  }
}

export function blobTooLarge(
  where: string,
  id: string,
  size: number,
  maxBytes: number,
): SourceError {
  return new SourceError("too-large", {
    what: `object ${id} has ${size} bytes, more than the limit of ${maxBytes}`,
    where,
    advice: "Split the file, or keep large files out of the directory that is deployed.",
  });
}
