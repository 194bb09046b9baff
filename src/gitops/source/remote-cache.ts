/**
 * The bare repository on disk that holds what was fetched from one remote. Whatever instant the
 * process is killed at, the next one finds a usable cache: packs and indexes appear by rename, a
 * pack counts only with its index, and what does not match is dropped.
 */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PromiseFsClient } from "isomorphic-git";
import { OBJECT_ID } from "./git-objects.ts";
import { checkPack, type PackLimits } from "./pack-check.ts";
import { isSafeRefName } from "./ref-name.ts";

/** Every fetch adds a pack, and looking an object up asks each of them. */
export const MAX_PACKS = 40;

const TEMPORARY = /\.tmp-[0-9a-f-]+$/;
const CHECKSUM_BYTES = 20;

/**
 * isomorphic-git insists on a refspec; this one matches nothing, because refs are written by
 * `remember` under names that were checked.
 */
const CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
[remote "origin"]
\tfetch = +refs/gantry-none/*:refs/gantry-none/*
`;

export interface Nearest {
  readonly localRef: string;
  readonly id: string;
  /** It is an earlier state of the very ref that was asked for. */
  readonly isSameRef: boolean;
}

export class RemoteCache {
  readonly gitDir: string;
  /** The file system that isomorphic-git writes through. */
  readonly fs: PromiseFsClient;

  constructor(gitDir: string, limits: PackLimits) {
    this.gitDir = gitDir;
    this.fs = checkedFs(limits);
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

  /** What is here that is closest to a remote ref: its own last state, else whatever came last. */
  async nearest(remoteRef: string | undefined): Promise<Nearest | undefined> {
    const own = remoteRef === undefined ? undefined : this.refFor(remoteRef);
    for (const localRef of [own, LATEST]) {
      if (localRef === undefined) continue;
      const id = (await readFile(join(this.gitDir, localRef), "utf8").catch(() => "")).trim();
      if (OBJECT_ID.test(id)) return { localRef, id, isSameRef: localRef === own };
    }
    return undefined;
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

async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp-${randomUUID()}`;
  try {
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Node's file system, except that files appear whole and packs are checked before they exist. */
function checkedFs(limits: PackLimits): PromiseFsClient {
  const writeChecked = async (path: string, content: string | Uint8Array): Promise<void> => {
    if (basename(path).endsWith(".pack")) {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      await checkPack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), limits);
    }
    await writeFileAtomically(path, content);
  };
  return { promises: { ...fs.promises, writeFile: writeChecked } };
}
