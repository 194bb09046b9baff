/**
 * Copies a tree of files, sharing blocks where the file system can (copy on write). Owners, modes and
 * times come along; symbolic links are copied as links, so nothing outside the tree is ever read, not
 * even when a pod swaps its folders and files for links meanwhile.
 */
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lchown,
  lutimes,
  mkdir,
  opendir,
  readlink,
  realpath,
  symlink,
  utimes,
} from "node:fs/promises";
import type { Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openDirectory, openEntry, type TreeEntry } from "./tree-entry.ts";

/** Files copied at once: enough to keep a disk busy, few enough to leave descriptors to others. */
const MAX_AT_ONCE = 8;

/** `to` must not exist. Sockets, pipes and devices are left out: they hold no data. */
export async function copyTree(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const root = join(await realpath(dirname(from)), basename(from));
  const pending: Promise<void>[] = [];
  const directories: { readonly path: string; readonly stats: Stats }[] = [];
  // A stack of its own instead of recursion: pods can nest directories deeper than calls can.
  const waiting: { readonly from: string; readonly to: string }[] = [{ from: root, to }];
  try {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      signal?.throwIfAborted();
      const directory = await openDirectory(next.from);
      if (directory === undefined) {
        if (next.from === root) throw new Error(`${from} is not a directory`);
        continue;
      }
      try {
        await mkdir(next.to, { mode: 0o700 });
        directories.push({ path: next.to, stats: directory.stats });
        for await (const { name } of await opendir(directory.path)) {
          const target = join(next.to, name);
          const entry = await openEntry(join(directory.path, name));
          if (entry?.stats.isDirectory() === true)
            waiting.push({ from: join(next.from, name), to: target });
          if (entry?.stats.isFile() === true) {
            const copied = copyFileOf(entry, target);
            // It is waited for further down; until then a failure is nobody's.
            copied.catch(() => undefined);
            pending.push(copied);
          } else await entry?.close();
          if (entry?.stats.isSymbolicLink() === true)
            await copyLink(join(directory.path, name), target, entry.stats);
          if (pending.length >= MAX_AT_ONCE) await Promise.all(pending.splice(0));
        }
      } finally {
        await directory.close();
      }
    }
  } finally {
    // Nothing writes to the copy any more when this returns, whatever went wrong.
    await Promise.allSettled(pending);
  }
  await Promise.all(pending);
  // Last and from the leaves up: filling a directory changes its time, and may need its permission.
  for (const { path, stats } of directories.reverse()) {
    await lchown(path, stats.uid, stats.gid).catch(ignoreForbidden);
    await chmod(path, stats.mode & 0o7777);
    await utimes(path, stats.atime, stats.mtime);
  }
}

async function copyFileOf(entry: TreeEntry, to: string): Promise<void> {
  const { stats } = entry;
  try {
    await copyFile(entry.path, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  } catch (error) {
    // The pod goes on while its volume is copied: files come and go.
    if (isCode(error, "ENOENT")) return;
    throw error;
  } finally {
    await entry.close();
  }
  await chmod(to, stats.mode & 0o7777);
  await takeOver(to, stats);
}

async function copyLink(from: string, to: string, stats: Stats): Promise<void> {
  let target: string;
  try {
    target = await readlink(from);
  } catch (error) {
    // It is gone, or something else by now.
    if (isCode(error, "ENOENT") || isCode(error, "EINVAL")) return;
    throw error;
  }
  await symlink(target, to);
  await takeOver(to, stats);
}

async function takeOver(to: string, stats: Stats): Promise<void> {
  await lchown(to, stats.uid, stats.gid).catch(ignoreForbidden);
  await lutimes(to, stats.atime, stats.mtime);
}

/** Only root may give files to others; everybody else's are their own to begin with. */
function ignoreForbidden(error: unknown): void {
  if (!isCode(error, "EPERM")) throw error;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
