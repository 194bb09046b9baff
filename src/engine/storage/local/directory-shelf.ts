/**
 * Directories by name, each with a note beside it, which are there whole or not at all: they are
 * filled under another name first, and taken away under another name last. What a kill at any moment
 * leaves half done, `sweep` removes at the next start.
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "../../../kube/json-object.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { isCode } from "./copy-tree.ts";

/** What is being filled or removed: never names of volumes, which cannot start with a dot. */
const UNFINISHED = ".unfinished-";
const NOTES = ".notes";
const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

export interface ShelfNote {
  readonly capacityBytes: number;
  readonly createdAtMs: number;
  /** What it was copied from. */
  readonly source?: string;
  /** Set once a PersistentVolume stands for it: without one it is kept all the same from then on. */
  readonly adopted?: boolean;
}

export class DirectoryShelf {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Below the root, whatever the name. @throws VolumeDriverError `InvalidArgument` */
  pathOf(name: string): string {
    if (!NAME.test(name) || name.includes(".."))
      throw new VolumeDriverError(
        "InvalidArgument",
        `${JSON.stringify(name)} is no name of a local volume`,
      );
    return join(this.#root, name);
  }

  /** Makes the shelf, and removes what a crash has left half done. */
  async sweep(): Promise<void> {
    await mkdir(join(this.#root, NOTES), { recursive: true, mode: 0o755 });
    for (const entry of await readdir(this.#root))
      if (entry.startsWith(UNFINISHED)) await removeTree(join(this.#root, entry));
    const names = new Set(await this.names());
    for (const file of await readdir(join(this.#root, NOTES)))
      if (!names.has(file.replace(/\.json$/, "")))
        await rm(join(this.#root, NOTES, file), { force: true });
  }

  async names(): Promise<readonly string[]> {
    const entries = await readdir(this.#root, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && NAME.test(entry.name))
      .map(({ name }) => name);
  }

  /** The note of a directory that is there; undefined when it is not, or is not a directory. */
  async find(name: string): Promise<ShelfNote | undefined> {
    const path = this.pathOf(name);
    const stats = await lstat(path).catch((error: unknown) => {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    });
    if (stats?.isDirectory() !== true) return undefined;
    const text = await readFile(this.#notePath(name), "utf8").catch((error: unknown) => {
      if (isCode(error, "ENOENT")) return "{}";
      throw error;
    });
    return readNote(text);
  }

  /** `fill` is given a path that does not exist and leaves a directory there. */
  async add(name: string, note: ShelfNote, fill: (path: string) => Promise<void>): Promise<void> {
    const path = this.pathOf(name);
    const unfinished = this.#unfinished();
    try {
      await fill(unfinished);
      await this.note(name, note);
      await rename(unfinished, path);
    } catch (error) {
      await removeTree(unfinished);
      throw error;
    }
    await syncDirectory(this.#root);
  }

  async note(name: string, note: ShelfNote): Promise<void> {
    const path = this.#notePath(name);
    const unfinished = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(unfinished, JSON.stringify(note), { flush: true, mode: 0o644 });
    await rename(unfinished, path);
  }

  /** Whatever stands there under the name, link or directory, goes; what a link leads to stays. */
  async remove(name: string): Promise<void> {
    const unfinished = this.#unfinished();
    try {
      await rename(this.pathOf(name), unfinished);
      await syncDirectory(this.#root);
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
    await rm(this.#notePath(name), { force: true });
    await removeTree(unfinished);
  }

  #unfinished(): string {
    return join(this.#root, UNFINISHED + randomBytes(9).toString("hex"));
  }
  #notePath(name: string): string {
    return join(this.#root, NOTES, `${name}.json`);
  }
}

function readNote(text: string): ShelfNote {
  let note: unknown;
  try {
    note = JSON.parse(text);
  } catch {
    // A note that somebody spoilt: the data counts, not what is known of it.
    note = undefined;
  }
  const { capacityBytes, createdAtMs, source, adopted } = isObject(note) ? note : {};
  return {
    capacityBytes: typeof capacityBytes === "number" ? capacityBytes : 0,
    createdAtMs: typeof createdAtMs === "number" ? createdAtMs : 0,
    ...(typeof source === "string" ? { source } : {}),
    // Unknown is kept.
    adopted: typeof adopted === "boolean" ? adopted : true,
  };
}

/** `rm` removes links instead of following them. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** A rename is durable once its directory is, so that no PersistentVolume outlives its data. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
