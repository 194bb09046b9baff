/**
 * `fsGroup`: the group that may read and write a volume's files, as upstream's SetVolumeOwnership.
 * Only root may give files away; without it they stay the operator's, who runs the containers, too.
 */
import { chmod, lchown, lstat, opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PodSecurityContext } from "kubernetes-types/core/v1";

const SET_GROUP_ID = 0o2000;
const READ_WRITE = 0o660;
const SEARCH = 0o110;

const mayGiveAway = (): boolean => process.getuid?.() === 0;

/** Everything in the volume; with `OnRootMismatch` nothing when its root is right already. */
export async function setVolumeGroup(
  volume: string,
  { fsGroup, fsGroupChangePolicy }: PodSecurityContext,
): Promise<void> {
  if (fsGroup === undefined || !mayGiveAway()) return;
  if (fsGroupChangePolicy === "OnRootMismatch" && (await isRight(volume, fsGroup))) return;
  const pending = [volume];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const current = next;
    for await (const entry of await opendir(current)) {
      const path = join(current, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else await give(path, fsGroup);
    }
    // A directory after its content: an interrupted walk is then noticed by its root.
    if (current !== volume) await give(current, fsGroup);
  }
  await give(volume, fsGroup);
}

async function isRight(volume: string, group: number): Promise<boolean> {
  const { gid, mode } = await stat(volume);
  const wanted = READ_WRITE | SEARCH | SET_GROUP_ID;
  return gid === group && (mode & wanted) === wanted;
}

async function give(path: string, group: number): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return;
  await lchown(path, info.uid, group);
  // The mode of a link means nothing, and changing it would change what it leads to.
  if (info.isSymbolicLink()) return;
  const added = info.isDirectory() ? READ_WRITE | SEARCH | SET_GROUP_ID : READ_WRITE;
  await chmod(path, (info.mode & 0o7777) | added);
}
