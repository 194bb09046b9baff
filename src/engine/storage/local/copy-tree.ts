/**
 * Copies a tree of files, sharing blocks where the file system can (copy on write). Owners, modes and
 * times come along; symbolic links are copied as links, so nothing outside the tree is ever read.
 */
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lchown,
  lstat,
  lutimes,
  mkdir,
  opendir,
  readlink,
  symlink,
  utimes,
} from "node:fs/promises";
import type { Stats } from "node:fs";
import { join } from "node:path";

/** Files copied at once: enough to keep a disk busy, few enough to leave descriptors to others. */
const MAX_AT_ONCE = 8;

/** `to` must not exist. Sockets, pipes and devices are left out: they hold no data. */
export async function copyTree(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const root = await lstat(from);
  if (!root.isDirectory()) throw new Error(`${from} is not a directory`);
  const pending: Promise<void>[] = [];
  const directories: { readonly path: string; readonly stats: Stats }[] = [];
  // A stack of its own instead of recursion: pods can nest directories deeper than calls can.
  const waiting: { readonly from: string; readonly to: string; readonly stats: Stats }[] = [
    { from, to, stats: root },
  ];
  try {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      signal?.throwIfAborted();
      await mkdir(next.to, { mode: 0o700 });
      directories.push({ path: next.to, stats: next.stats });
      for await (const { name } of await opendir(next.from)) {
        const [source, target] = [join(next.from, name), join(next.to, name)];
        const stats = await lstatIfThere(source);
        if (stats === undefined) continue;
        if (stats.isDirectory()) waiting.push({ from: source, to: target, stats });
        else pending.push(copyLeaf(source, target, stats));
        if (pending.length >= MAX_AT_ONCE) await Promise.all(pending.splice(0));
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

async function copyLeaf(from: string, to: string, stats: Stats): Promise<void> {
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(from), to);
  } else if (stats.isFile()) {
    try {
      await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } catch (error) {
      // The pod goes on while its volume is copied: files come and go.
      if (isCode(error, "ENOENT")) return;
      throw error;
    }
    await chmod(to, stats.mode & 0o7777);
  } else return;
  await lchown(to, stats.uid, stats.gid).catch(ignoreForbidden);
  await lutimes(to, stats.atime, stats.mtime);
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Only root may give files to others; everybody else's are their own to begin with. */
function ignoreForbidden(error: unknown): void {
  if (!isCode(error, "EPERM")) throw error;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
