/** Commits and trees on top of raw objects; directories are cached, because ids never change. */
import type { GitObject, GitObjectReader, GitObjectType, ParsedCommit } from "./git-objects.ts";
import {
  MAX_COMMIT_BYTES,
  MAX_TREE_BYTES,
  parseCommit,
  parseTag,
  parseTree,
} from "./git-objects.ts";
import type { Directory, TreeObjects } from "./object-tree.ts";
import { directoryOf, ObjectTree } from "./object-tree.ts";
import type { Commit, CommitInfo, SignableObject, Tree } from "./source.ts";
import { SourceError } from "./source-error.ts";

/** Some 10 MB of entries, of twice as many: those used lately and those used before. */
const MAX_RECENT_ENTRIES = 100_000;
/** Tags of tags exist; chains of them are made by attackers. */
const MAX_TAG_CHAIN = 8;

export class GitRepository implements TreeObjects {
  readonly where: string;
  readonly #objects: GitObjectReader;
  readonly #onDamage: () => void;
  /**
   * By generations: what is used moves into the recent one, and what is not goes with the older one.
   * Moving entries to the end of one map instead makes V8 walk over every former place of the few
   * directories that all Applications pass through.
   */
  #recent = new Map<string, Promise<Directory>>();
  #older = new Map<string, Promise<Directory>>();
  #recentEntries = 0;

  /** `onDamage`: an object that must be there could not be read. */
  constructor(where: string, objects: GitObjectReader, onDamage: () => void = () => undefined) {
    this.where = where;
    this.#objects = objects;
    this.#onDamage = onDamage;
  }

  tree(id: string): Tree {
    return new ObjectTree(id, this);
  }

  async commit(id: string): Promise<Commit> {
    const commit = await this.#commitObject(id);
    return { ...infoOf(commit), tree: this.tree(commit.treeId) };
  }

  /** The commit that a ref's id leads to: itself, or what an annotated tag names. */
  async resolved(id: string, ref?: string): Promise<Commit> {
    const passed: string[] = [];
    let current = id;
    for (let hops = 0; hops < MAX_TAG_CHAIN; hops++) {
      passed.push(current);
      const object = await this.#read(current, MAX_COMMIT_BYTES);
      if (object.type === "commit") {
        const signable = (): Promise<SignableObject[]> => this.#signable(passed);
        return { ...(await this.commit(current)), signable, ...(ref !== undefined && { ref }) };
      }
      if (object.type !== "tag") throw this.#wrongType(current, "commit", object.type);
      current = parseTag(current, object.bytes).targetId;
    }
    throw this.#wrongType(id, "commit", "tag");
  }

  async #signable(ids: readonly string[]): Promise<SignableObject[]> {
    const found: SignableObject[] = [];
    for (const id of ids) {
      const { type, bytes } = await this.#read(id, MAX_COMMIT_BYTES);
      if (type === "commit" || type === "tag") found.push({ type, id, bytes });
    }
    return found;
  }

  /** A raw object; pack deltas are based on any kind. */
  object(id: string, maxBytes: number): Promise<GitObject> {
    return this.#read(id, maxBytes);
  }

  async has(id: string): Promise<boolean> {
    try {
      await this.#read(id, MAX_COMMIT_BYTES);
      return true;
    } catch (error) {
      if (error instanceof SourceError && error.code === "object-missing") return false;
      throw error;
    }
  }

  /** First-parent history. `truncated`: there is more, but the objects are not here. */
  async history(
    commitId: string,
    limit: number,
  ): Promise<{ commits: CommitInfo[]; truncated: boolean }> {
    const commits: CommitInfo[] = [];
    let next: string | undefined = commitId;
    while (next !== undefined && commits.length < limit) {
      if (commits.length > 0 && !(await this.has(next))) return { commits, truncated: true };
      const commit: ParsedCommit = await this.#commitObject(next);
      commits.push(infoOf(commit));
      next = commit.parents[0];
    }
    return { commits, truncated: false };
  }

  /**
   * The commits from here back whose parents are not here.
   * @returns undefined when there are more than `maxCommits` to look at
   */
  async shallowBelow(commitId: string, maxCommits: number): Promise<string[] | undefined> {
    const seen = new Set([commitId]);
    const shallow: string[] = [];
    for (const id of seen) {
      if (seen.size > maxCommits) return undefined;
      const { parents } = await this.#commitObject(id);
      const present = await Promise.all(parents.map((parent) => this.has(parent)));
      if (present.includes(false)) shallow.push(id);
      else for (const parent of parents) seen.add(parent);
    }
    return shallow;
  }

  async #commitObject(id: string): Promise<ParsedCommit> {
    const object = await this.#read(id, MAX_COMMIT_BYTES);
    if (object.type !== "commit") throw this.#wrongType(id, "commit", object.type);
    return parseCommit(id, object.bytes);
  }

  directory(id: string): Promise<Directory> {
    const recent = this.#recent.get(id);
    if (recent !== undefined) return recent;
    const directory = this.#older.get(id) ?? this.#readDirectory(id);
    this.#recent.set(id, directory);
    directory.then(
      ({ entries }) => this.#countEntries(entries.length),
      () => {
        this.#recent.delete(id);
        this.#older.delete(id);
      },
    );
    return directory;
  }

  async #readDirectory(id: string): Promise<Directory> {
    const object = await this.#readPart(id, MAX_TREE_BYTES);
    if (object.type !== "tree") throw this.#wrongType(id, "tree", object.type);
    return directoryOf(parseTree(id, object.bytes));
  }

  #countEntries(count: number): void {
    this.#recentEntries += count;
    if (this.#recentEntries <= MAX_RECENT_ENTRIES) return;
    this.#older = this.#recent;
    this.#recent = new Map();
    this.#recentEntries = 0;
  }

  async blob(id: string, maxBytes: number): Promise<Uint8Array> {
    const object = await this.#readPart(id, maxBytes);
    if (object.type !== "blob") throw this.#wrongType(id, "blob", object.type);
    return object.bytes;
  }

  async #read(id: string, maxBytes: number): Promise<GitObject> {
    try {
      return await this.#objects.read(id, maxBytes);
    } catch (error) {
      if (error instanceof SourceError && error.code === "corrupt") this.#onDamage();
      throw error;
    }
  }

  /** Reads what a commit that is here refers to: when that is missing, the repository has holes. */
  async #readPart(id: string, maxBytes: number): Promise<GitObject> {
    try {
      return await this.#read(id, maxBytes);
    } catch (error) {
      if (error instanceof SourceError && error.code === "object-missing") this.#onDamage();
      throw error;
    }
  }

  #wrongType(id: string, wanted: GitObjectType, found: GitObjectType): SourceError {
    return new SourceError("corrupt", {
      what: `object ${id} is a ${found} where a ${wanted} is needed`,
      where: this.where,
      advice: `Name a revision that leads to a ${wanted}.`,
    });
  }
}

function infoOf({ id, author, dateMs, subject, parents }: ParsedCommit): CommitInfo {
  return { id, author, dateMs, subject, parents };
}
