/**
 * The bare repository on disk that holds what was fetched from one remote. Whatever instant the
 * process is killed at, the next one finds a usable cache: packs and indexes appear by rename, a
 * pack counts only with its index, and what does not match is dropped.
 */
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "./atomic-file.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { isSafeRefName } from "./ref-name.ts";

/** Every fetch adds a pack, and looking an object up asks each of them. */
export const MAX_PACKS = 40;

const TEMPORARY = /\.tmp-[0-9a-f-]+$/;
const CHECKSUM_BYTES = 20;

/** Commits that are named to the server as known: more of them say little more. */
const MAX_REMEMBERED = 16;

const CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
`;

export class RemoteCache {
  readonly gitDir: string;

  constructor(gitDir: string) {
    this.gitDir = gitDir;
  }

  /** Makes the directory if need be, and drops what a killed process left half done. */
  async open(): Promise<void> {
    for (const part of ["objects/pack", "objects/info", "refs/gantry"])
      await mkdir(join(this.gitDir, part), { recursive: true, mode: 0o700 });
    await this.#writeUnlessSame("config", CONFIG);
    await this.#writeUnlessSame("HEAD", "ref: refs/heads/none\n");
    await this.#dropTemporaryFiles(this.gitDir);
    await this.#dropBrokenPacks();
  }

  async #writeUnlessSame(name: string, content: string): Promise<void> {
    const path = join(this.gitDir, name);
    if ((await readFile(path, "utf8").catch(() => "")) !== content)
      await writeFileAtomically(path, content);
  }

  async #dropTemporaryFiles(directory: string): Promise<void> {
    const files = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const file of files)
      if (file.isFile() && (TEMPORARY.test(file.name) || file.name.endsWith(".lock")))
        await rm(join(file.parentPath, file.name), { force: true });
  }

  /** What an indexing that was ended left behind; not while one is under way. */
  async dropUnfinished(): Promise<void> {
    await this.#dropBrokenPacks();
  }

  async #dropBrokenPacks(): Promise<void> {
    const names = await this.#packNames();
    for (const name of names) if (!(await this.#isWhole(name))) await this.#drop(name);
    const indexed = new Set(await this.#packNames());
    for (const file of await readdir(this.#packDir())) {
      const name = file.replace(/\.(pack|idx)$/, "");
      if (!indexed.has(name)) await rm(join(this.#packDir(), file), { force: true });
    }
  }

  /** An index names the checksum that its pack ends with. */
  async #isWhole(name: string): Promise<boolean> {
    const packSum = await readTail(join(this.#packDir(), `${name}.pack`), 0);
    const indexedSum = await readTail(join(this.#packDir(), `${name}.idx`), CHECKSUM_BYTES);
    return packSum !== undefined && indexedSum?.equals(packSum) === true;
  }

  /** Names of the packs that have an index, without extension. */
  async #packNames(): Promise<string[]> {
    const files = await readdir(this.#packDir());
    return files.filter((file) => file.endsWith(".idx")).map((file) => file.slice(0, -4));
  }

  packNames(): Promise<string[]> {
    return this.#packNames();
  }

  async dropPacks(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#drop(name);
  }

  /** The index goes first: a pack without one does not count. */
  async #drop(name: string): Promise<void> {
    await rm(join(this.#packDir(), `${name}.idx`), { force: true });
    await rm(join(this.#packDir(), `${name}.pack`), { force: true });
  }

  #packDir(): string {
    return join(this.gitDir, "objects/pack");
  }

  /** Starts over: for a cache that turned out to be damaged. */
  async clear(): Promise<void> {
    await rm(this.gitDir, { recursive: true, force: true });
    await this.open();
  }

  /**
   * Records what a remote ref was fetched at, so that the next fetch asks for the difference only.
   */
  async remember(remoteRef: string, id: string): Promise<void> {
    const name = this.refFor(remoteRef);
    if (name === undefined || !OBJECT_ID.test(id)) return;
    const path = join(this.gitDir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, `${id}\n`);
    await writeFileAtomically(join(this.gitDir, LATEST), `${id}\n`);
  }

  /** Commits that were fetched, those closest to a remote ref first: its own, then the latest. */
  async remembered(remoteRef: string | undefined): Promise<string[]> {
    const own = remoteRef === undefined ? undefined : this.refFor(remoteRef);
    const files = await readdir(join(this.gitDir, "refs/gantry")).catch(() => []);
    const names = [own, LATEST, ...files.map((file) => `refs/gantry/${file}`)];
    const ids = new Set<string>();
    for (const name of names) {
      if (name === undefined || ids.size >= MAX_REMEMBERED) continue;
      const id = (await readFile(join(this.gitDir, name), "utf8").catch(() => "")).trim();
      if (OBJECT_ID.test(id)) ids.add(id);
    }
    return [...ids];
  }

  /** Names are flattened, so that a ref named like another's folder does not collide with it. */
  refFor(remoteRef: string): string | undefined {
    if (!isSafeRefName(remoteRef)) return undefined;
    return `refs/gantry/${encodeURIComponent(remoteRef)}`;
  }
}

const LATEST = "refs/gantry/latest";

async function readTail(path: string, beforeEnd: number): Promise<Buffer | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const position = size - beforeEnd - CHECKSUM_BYTES;
    if (position < 0) return undefined;
    const tail = Buffer.alloc(CHECKSUM_BYTES);
    await file.read(tail, 0, CHECKSUM_BYTES, position);
    return tail;
  } finally {
    await file.close();
  }
}
