/** How much a tree of files takes up on disk, as `du` counts. */
import type { Stats } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { isCode } from "./copy-tree.ts";

export interface TreeUsage {
  readonly bytes: number;
  readonly inodes: number;
  /** False when counting ended at the limit: it is more than what is said. */
  readonly complete: boolean;
}

/** Bytes of a block in `Stats.blocks`, whatever the file system's own are (POSIX). */
const BLOCK_BYTES = 512;
/** A tree beyond this is counted no further: a minute of looking, and a set of inodes in memory. */
export const MAX_COUNTED = 1_000_000;
/** Entries between two looks at the event loop's other work. */
const ENTRIES_PER_TURN = 500;

/** Links are not followed, files with several names count once. What vanishes on the way is left out. */
export async function treeUsage(
  root: string,
  options: { readonly maxEntries?: number; readonly signal?: AbortSignal } = {},
): Promise<TreeUsage> {
  const { maxEntries = MAX_COUNTED, signal } = options;
  let [bytes, inodes] = [0, 0];
  const linked = new Set<string>();
  const waiting = [root];
  const count = (stats: Stats): void => {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      const id = `${stats.dev}:${stats.ino}`;
      if (linked.has(id)) return;
      linked.add(id);
    }
    bytes += stats.blocks * BLOCK_BYTES;
    inodes++;
  };
  count(await lstat(root));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    signal?.throwIfAborted();
    try {
      for await (const { name } of await opendir(path)) {
        if (inodes >= maxEntries) return { bytes, inodes, complete: false };
        if (inodes % ENTRIES_PER_TURN === 0) await new Promise(setImmediate);
        const child = join(path, name);
        const stats = await lstatIfThere(child);
        if (stats === undefined) continue;
        count(stats);
        if (stats.isDirectory()) waiting.push(child);
      }
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }
  return { bytes, inodes, complete: true };
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
