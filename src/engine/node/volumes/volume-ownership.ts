/**
 * `fsGroup`: the group that may read and write a volume's files, as upstream's SetVolumeOwnership.
 * Only root may give files away; without it they stay the operator's, who runs the containers, too.
 * On Linux every step is taken from an open directory and follows no link: another pod may have the
 * volume, too, and swap directories for links while root walks through them.
 */
import { type FileHandle, chmod, chown, open, opendir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { PodSecurityContext } from "kubernetes-types/core/v1";
import { VolumeError } from "./volume-error.ts";

const SET_GROUP_ID = 0o2000;
const READ_WRITE = 0o660;
const SEARCH = 0o110;
/** Each folder on the way down holds a handle open; deeper trees than this are made to be deep. */
const MAX_DEPTH = 256;

/** linux/fcntl.h: handles that name files and open nothing. */
const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;

/** Everything in the volume; with `OnRootMismatch` nothing when its root is right already. */
export async function setVolumeGroup(
  volume: string,
  { fsGroup, fsGroupChangePolicy }: PodSecurityContext,
): Promise<void> {
  if (fsGroup === undefined || process.platform !== "linux" || process.getuid?.() !== 0) return;
  const root = await open(await realpath(volume), O_PATH | O_NOFOLLOW);
  try {
    if (fsGroupChangePolicy === "OnRootMismatch" && (await isRight(root, fsGroup))) return;
    await giveTree(root, fsGroup, 0);
  } finally {
    await root.close();
  }
}

async function isRight(root: FileHandle, group: number): Promise<boolean> {
  const { gid, mode } = await root.stat();
  const wanted = READ_WRITE | SEARCH | SET_GROUP_ID;
  return gid === group && (mode & wanted) === wanted;
}

/** A directory after its content: an interrupted walk is then noticed by its root. */
async function giveTree(handle: FileHandle, group: number, depth: number): Promise<void> {
  const info = await handle.stat();
  // A link has no group that matters, and what it leads to is not of the volume.
  if (info.isSymbolicLink()) return;
  const self = `/proc/self/fd/${handle.fd}`;
  if (info.isDirectory()) {
    if (depth >= MAX_DEPTH)
      throw new VolumeError(
        `the volume has more than ${MAX_DEPTH} folders inside each other: fsGroup cannot be applied to it`,
      );
    for await (const { name } of await opendir(self)) {
      const inner = await open(join(self, name), O_PATH | O_NOFOLLOW).catch(() => undefined);
      // Files come and go while a volume is looked through.
      if (inner === undefined) continue;
      try {
        await giveTree(inner, group, depth + 1);
      } finally {
        await inner.close();
      }
    }
  }
  await chown(self, info.uid, group);
  const added = info.isDirectory() ? READ_WRITE | SEARCH | SET_GROUP_ID : READ_WRITE;
  await chmod(self, (info.mode & 0o7777) | added);
}
