/**
 * A tree with other trees in place of its submodules, so that whoever reads it sees files only.
 * Directories that hold a submodule have ids of their own: they say more than the bare ones.
 */
import { createHash } from "node:crypto";
import type { Tree, TreeEntry } from "../source.ts";
import { joinPath, splitPath } from "../tree-path.ts";

export class MountedTree implements Tree {
  readonly id: string;
  readonly #base: Tree;
  /** By path. */
  readonly #mounts: ReadonlyMap<string, Tree>;
  /** Which mount a file's content is read from; all others are the base's. */
  readonly #owners = new Map<string, Tree>();

  constructor(base: Tree, mounts: ReadonlyMap<string, Tree>) {
    this.#base = base;
    this.#mounts = mounts;
    this.id = this.#idOf("", base.id);
  }

  async entries(path: string): Promise<readonly TreeEntry[]> {
    const names = splitPath(path) ?? [];
    const { tree, rest } = this.#treeAt(names);
    const entries = await tree.entries(names.length === 0 ? "" : rest);
    if (tree !== this.#base) return entries.map((entry) => this.#owned(tree, entry));
    return entries.map((entry) => this.#seen([...names, entry.name].join("/"), entry));
  }

  async entry(path: string): Promise<TreeEntry | undefined> {
    const names = splitPath(path);
    if (names === undefined || names.length === 0) return undefined;
    const { tree, rest } = this.#treeAt(names);
    if (tree === this.#base || rest === "") {
      const entry = await this.#base.entry(path);
      return entry === undefined ? undefined : this.#seen(names.join("/"), entry);
    }
    const entry = await tree.entry(rest);
    return entry === undefined ? undefined : this.#owned(tree, entry);
  }

  async treeIdOf(path: string): Promise<string | undefined> {
    const names = splitPath(path);
    if (names === undefined) return undefined;
    const { tree, rest } = this.#treeAt(names);
    const id = await tree.treeIdOf(rest);
    return id === undefined || tree !== this.#base ? id : this.#idOf(names.join("/"), id);
  }

  blob(id: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array> {
    return (this.#owners.get(id) ?? this.#base).blob(id, options);
  }

  /** The tree that a path lies in, and the path inside it. */
  #treeAt(names: readonly string[]): { tree: Tree; rest: string } {
    let path = "";
    for (const [index, name] of names.entries()) {
      path = joinPath(path, name);
      const mount = this.#mounts.get(path);
      if (mount !== undefined) return { tree: mount, rest: names.slice(index + 1).join("/") };
    }
    return { tree: this.#base, rest: names.join("/") };
  }

  /** An entry of the base as it looks with the mounts. */
  #seen(path: string, entry: TreeEntry): TreeEntry {
    const mount = this.#mounts.get(path);
    if (mount !== undefined) return { ...entry, kind: "directory", id: mount.id };
    return entry.kind === "directory" ? { ...entry, id: this.#idOf(path, entry.id) } : entry;
  }

  #owned(tree: Tree, entry: TreeEntry): TreeEntry {
    if (entry.kind === "file" || entry.kind === "symlink") this.#owners.set(entry.id, tree);
    return entry;
  }

  #idOf(path: string, baseId: string): string {
    const prefix = path === "" ? "" : `${path}/`;
    const inside = [...this.#mounts].filter(([mount]) => mount.startsWith(prefix));
    if (inside.length === 0) return baseId;
    const parts = inside.map(([mount, { id }]) => [mount.slice(prefix.length), id]);
    return createHash("sha1")
      .update(JSON.stringify([baseId, parts]))
      .digest("hex");
  }
}
