/** Memory file systems for `emptyDir` with medium Memory, and the end of what is mounted for a pod. */
import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { promisify } from "node:util";
import { mountPointsBelow } from "./mount-table.ts";

const run = promisify(execFile);
/** Mounting takes milliseconds; a stuck one must not hold the pod for ever. */
const TIMEOUT_MS = 10_000;

/**
 * Mounts unless it is mounted. False where this process may not: then it is up to the caller what
 * stands in for it. @param sizeBytes absent: the kernel's default, half of the memory
 */
export async function mountTmpfs(path: string, sizeBytes: number | undefined): Promise<boolean> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const real = await realpath(path);
  const existing = await mountPointsBelow(real);
  if (existing.some((mount) => mount.path === real && mount.type === "tmpfs")) return true;
  const size = sizeBytes === undefined ? "" : `,size=${sizeBytes}`;
  try {
    await run("mount", ["-t", "tmpfs", "-o", `mode=0777,nosuid,nodev${size}`, "tmpfs", path], {
      timeout: TIMEOUT_MS,
    });
    return true;
  } catch {
    // Root of a container without the right to mount.
    return false;
  }
}

/**
 * Unmounts all that is mounted below a directory that is going to be deleted: what is removed must
 * not be the data behind a mount. @throws Error while something stays mounted
 */
export async function unmountBelow(directory: string): Promise<void> {
  const mounts = await mountPointsBelow(directory);
  for (const { path } of mounts.reverse())
    await run("umount", [path], { timeout: TIMEOUT_MS }).catch(() =>
      run("umount", ["-l", path], { timeout: TIMEOUT_MS }).catch(() => undefined),
    );
  const [left] = await mountPointsBelow(directory);
  if (left !== undefined)
    throw new Error(`${left.path} is still mounted: unmount it, or the pod's directory stays`);
}
