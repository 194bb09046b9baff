/**
 * Files and folders of a tree that somebody else may change at any moment. On Linux by handles that
 * follow no link: what was looked at is what is read. Elsewhere by path, safe from links that stand
 * there but not from somebody who swaps them at that moment.
 */
import type { Stats } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";

export interface TreeEntry {
  readonly stats: Stats;
  /** Leads to this very file, whatever has its name by now, until it is closed. */
  readonly path: string;
  close(): Promise<void>;
}

/** linux/fcntl.h: handles that name files and open nothing, so that pipes and devices do no harm. */
const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;
/** What is gone, or leads through something that is no folder any more. */
const GONE: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** Undefined when it is gone. The folder that it is in is the caller's to vouch for. */
export async function openEntry(path: string): Promise<TreeEntry | undefined> {
  try {
    if (process.platform !== "linux")
      return { stats: await lstat(path), path, close: () => Promise.resolve() };
    const handle = await open(path, O_PATH | O_NOFOLLOW);
    try {
      const stats = await handle.stat();
      return { stats, path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
}

/** Undefined when it is gone, or reached by a link. @param path without links when it was read */
export async function openDirectory(path: string): Promise<TreeEntry | undefined> {
  const entry = await openEntry(path);
  if (entry === undefined) return undefined;
  // Where the handle is: a link above it would show.
  const isThere =
    process.platform !== "linux" || (await readlink(entry.path).catch(() => "")) === path;
  if (entry.stats.isDirectory() && isThere) return entry;
  await entry.close();
  return undefined;
}
