/** A plain folder without Git: what is in it counts, as soon as it is saved. */
import { realpath, stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Clock, sleep, systemClock } from "../../client/clock.ts";
import { ChangeListeners } from "./change-listeners.ts";
import {
  blobHash,
  changed,
  type FolderCache,
  type FolderScan,
  isIgnoredName,
  readFolderFile,
  scanFolder,
} from "./folder-scan.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { localIoError } from "./local-refs.ts";
import { type Directory, ObjectTree, type TreeObjects } from "./object-tree.ts";
import { revisionNotFound } from "./ref-name.ts";
import type { Commit, CommitInfo, Source } from "./source.ts";
import { SingleFlight } from "./single-flight.ts";
import { SourceError, systemErrorCode } from "./source-error.ts";
import { pathNotFound } from "./tree-path.ts";
import { watchFiles } from "./watch-files.ts";

/** Programs that save in place leave a file empty for an instant: younger files are read twice. */
const SETTLE_MS = 60;
/** A folder that never rests for a second is written to by a program. */
const MAX_SETTLE_ATTEMPTS = 20;

export interface FolderOptions {
  readonly path: string;
  readonly clock?: Clock;
}

export class FolderSource implements Source {
  readonly kind = "folder";
  readonly where: string;
  readonly #clock: Clock;
  readonly #listeners: ChangeListeners;
  #cache: FolderCache = new Map();
  /** Applications that share the folder share the scan, too, but none that began before a change. */
  readonly #scans = new SingleFlight(() => this.#scanSettled());

  constructor({ path, clock = systemClock }: FolderOptions) {
    this.where = path;
    this.#clock = clock;
    this.#listeners = new ChangeListeners(() => {
      const ignored = (file: string): boolean => file !== path && isIgnoredName(basename(file));
      const watch = watchFiles([path], this.#listeners.notify, ignored);
      return () => watch.close();
    });
  }

  async resolve(revision: string): Promise<Commit> {
    const scan = await this.#scans.run();
    if (OBJECT_ID.test(revision) && revision !== scan.rootId)
      throw revisionNotFound(revision, [], this.where);
    const tree = new ObjectTree(scan.rootId, new FolderObjects(this.where, scan));
    return { ...this.#infoOf(scan), tree };
  }

  #infoOf(scan: FolderScan): CommitInfo {
    return {
      id: scan.rootId,
      author: { name: "", email: "" },
      dateMs: Math.floor(scan.newestMs),
      subject: `Files in ${this.where}`,
      parents: [],
    };
  }

  async history(commitId: string): Promise<readonly CommitInfo[]> {
    const info = this.#infoOf(await this.#scans.run());
    return info.id === commitId ? [info] : [];
  }

  async #scanSettled(): Promise<FolderScan> {
    let previousId: string | undefined;
    for (let attempt = 0; attempt < MAX_SETTLE_ATTEMPTS; attempt++) {
      const scan = await this.#scan();
      const rested = this.#clock.now() - scan.newestMs >= SETTLE_MS;
      if (rested || scan.rootId === previousId) return scan;
      previousId = scan.rootId;
      await sleep(this.#clock, SETTLE_MS);
    }
    throw changed(this.where);
  }

  async #scan(): Promise<FolderScan> {
    try {
      const root = await realpath(this.where);
      if (!(await stat(root)).isDirectory()) throw notAFolder(this.where);
      const scan = await scanFolder(root, this.#cache);
      this.#cache = scan.cache;
      return scan;
    } catch (error) {
      if (error instanceof SourceError) throw error;
      if (systemErrorCode(error) === "ENOENT") throw notAFolder(this.where);
      throw localIoError(this.where, error);
    }
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): Promise<void> {
    return this.#listeners.close();
  }
}

export function notAFolder(where: string): SourceError {
  return new SourceError("not-a-repository", {
    what: "there is no such directory",
    where,
    advice: "Give the path of a Git repository, of its work tree, or of a folder of manifests.",
  });
}

class FolderObjects implements TreeObjects {
  readonly where: string;
  readonly #scan: FolderScan;

  constructor(where: string, scan: FolderScan) {
    this.where = where;
    this.#scan = scan;
  }

  directory(id: string): Promise<Directory> {
    const directory = this.#scan.directories.get(id);
    return directory === undefined
      ? Promise.reject(pathNotFound(this.where, id))
      : Promise.resolve(directory);
  }

  async blob(id: string, maxBytes: number): Promise<Uint8Array> {
    const link = this.#scan.links.get(id);
    if (link !== undefined) return Buffer.from(link);
    const path = this.#scan.files.get(id);
    if (path === undefined) throw pathNotFound(this.where, id);
    try {
      const content = await readFolderFile(path, maxBytes);
      if (blobHash(content) !== id) throw changed(path);
      return content;
    } catch (error) {
      if (error instanceof SourceError) throw error;
      if (systemErrorCode(error) === "ENOENT") throw changed(path);
      throw localIoError(path, error);
    }
  }
}
