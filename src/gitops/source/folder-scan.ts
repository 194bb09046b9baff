/** Reads a plain folder into Git-like directories: content hashes, symlinks as symlinks. */
import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { type Directory, directoryOf } from "./object-tree.ts";
import type { TreeEntry } from "./source.ts";
import { SourceError, systemErrorCode } from "./source-error.ts";
import { MAX_PATH_DEPTH } from "./tree-path.ts";

/** A folder with more is not one of manifests (a home directory, a build output). */
const MAX_ENTRIES = 50_000;
/** Larger files are told apart by size and time of change, not read: they are no manifests. */
const MAX_HASHED_BYTES = 10 * 1024 * 1024;
/** Files that are stat-ed and read at once: more only fight for the same four libuv threads. */
const CONCURRENCY = 8;

/** Content that was read, by path, so that only changed files are read again. */
export type FolderCache = Map<string, { readonly stamp: string; readonly id: string }>;

export interface FolderScan {
  readonly rootId: string;
  readonly directories: ReadonlyMap<string, Directory>;
  /** Where the content of an id was found: an absolute path. */
  readonly files: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
  readonly newestMs: number;
  /** Replaces the cache that was passed in. */
  readonly cache: FolderCache;
}

/**
 * Names that are not read: what starts with a dot (`.git`, `.gantry`, editors' files), and
 * `node_modules`.
 */
export function isIgnoredName(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

/** `root` must be a real path. @throws SourceError */
export async function scanFolder(root: string, previous: FolderCache): Promise<FolderScan> {
  const scan = new Scan(root, previous);
  const rootId = await scan.directory(root, 0);
  return { ...scan.found, rootId, newestMs: scan.newestMs };
}

class Scan {
  readonly found = {
    directories: new Map<string, Directory>(),
    files: new Map<string, string>(),
    links: new Map<string, string>(),
    cache: new Map() as FolderCache,
  };
  newestMs = 0;
  readonly #root: string;
  readonly #previous: FolderCache;
  #entries = 0;

  constructor(root: string, previous: FolderCache) {
    this.#root = root;
    this.#previous = previous;
  }

  async directory(path: string, depth: number): Promise<string> {
    if (depth > MAX_PATH_DEPTH) throw this.#tooLarge(`nests deeper than ${MAX_PATH_DEPTH} folders`);
    // A folder that became a symlink since its parent was listed would lead out of the root.
    if ((await realpath(path)) !== path) throw changed(path);
    const listed = await readdir(path, { withFileTypes: true });
    const names = listed.filter((entry) => !isIgnoredName(entry.name));
    this.#entries += names.length;
    if (this.#entries > MAX_ENTRIES) throw this.#tooLarge(`has more than ${MAX_ENTRIES} files`);
    const entries: TreeEntry[] = [];
    for (let i = 0; i < names.length; i += CONCURRENCY) {
      const batch = names.slice(i, i + CONCURRENCY);
      const read = await Promise.all(batch.map((entry) => this.#entry(path, entry, depth)));
      entries.push(...read.filter((entry) => entry !== undefined));
    }
    const directory = directoryOf(entries);
    const id = treeHash(directory.entries);
    this.found.directories.set(id, directory);
    return id;
  }

  async #entry(parent: string, dirent: Dirent, depth: number): Promise<TreeEntry | undefined> {
    const { name } = dirent;
    const path = join(parent, name);
    try {
      if (dirent.isDirectory()) {
        const id = await this.directory(path, depth + 1);
        return { name, kind: "directory", id, executable: false };
      }
      if (dirent.isSymbolicLink()) {
        const target = await readlink(path);
        const id = blobHash(Buffer.from(target));
        this.found.links.set(id, target);
        return { name, kind: "symlink", id, executable: false };
      }
      // Sockets, pipes and devices are not content.
      return dirent.isFile() ? await this.#file(name, path) : undefined;
    } catch (error) {
      // Deleted since it was listed: as if it had never been there.
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #file(name: string, path: string): Promise<TreeEntry> {
    const stat = await lstat(path, { bigint: true });
    const changedMs = Math.max(Number(stat.mtimeMs), Number(stat.ctimeMs));
    this.newestMs = Math.max(this.newestMs, changedMs);
    const stamp = `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    const known = this.#previous.get(path);
    const id = known?.stamp === stamp ? known.id : await this.#hash(path, stat.size, stamp);
    this.found.cache.set(path, { stamp, id });
    this.found.files.set(id, path);
    return { name, kind: "file", id, executable: (stat.mode & 0o100n) !== 0n };
  }

  async #hash(path: string, size: bigint, stamp: string): Promise<string> {
    if (size > MAX_HASHED_BYTES)
      return createHash("sha1").update(`${path}\0${stamp}`).digest("hex");
    return blobHash(await readFolderFile(path, MAX_HASHED_BYTES));
  }

  #tooLarge(what: string): SourceError {
    return new SourceError("too-large", {
      what: `the folder ${what}`,
      where: this.#root,
      advice: "Name the folder that holds the manifests, not one above it.",
    });
  }
}

/** Reads a file that must not be a symlink. @throws SourceError `too-large` */
export async function readFolderFile(path: string, maxBytes: number): Promise<Buffer> {
  // Non-blocking, so that a pipe that took the file's place cannot hang the reader.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (error) {
    if (systemErrorCode(error) === "ELOOP") throw changed(path);
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw changed(path);
    if (stat.size > maxBytes)
      throw new SourceError("too-large", {
        what: `the file has ${stat.size} bytes, more than the limit of ${maxBytes}`,
        where: path,
        advice: "Split the file, or keep large files out of the folder that is deployed.",
      });
    return await file.readFile();
  } finally {
    await file.close();
  }
}

export function changed(path: string): SourceError {
  return new SourceError("changed-while-reading", {
    what: "it changed while it was read",
    where: path,
    advice: "It is read again by itself.",
  });
}

/** The id that git gives a blob of this content. */
export function blobHash(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

const MODES = { directory: "40000", symlink: "120000", submodule: "160000" } as const;

/** The id that git gives a tree of these entries. */
export function treeHash(entries: readonly TreeEntry[]): string {
  const sortName = (entry: TreeEntry): Buffer =>
    Buffer.from(entry.kind === "directory" ? `${entry.name}/` : entry.name);
  const parts = entries
    .map((entry) => ({ entry, key: sortName(entry) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .flatMap(({ entry }) => [
      Buffer.from(`${modeOf(entry)} ${entry.name}\0`),
      Buffer.from(entry.id, "hex"),
    ]);
  const body = Buffer.concat(parts);
  return createHash("sha1").update(`tree ${body.length}\0`).update(body).digest("hex");
}

function modeOf(entry: TreeEntry): string {
  if (entry.kind === "file") return entry.executable ? "100755" : "100644";
  return MODES[entry.kind];
}
