/**
 * Finds a part of a volume, and makes it when it is not there, without ever leaving the volume, even
 * while a container that has the volume swaps directories for links: on Linux each step is taken
 * from an open directory and follows no link.
 */
import { type FileHandle, chmod, lstat, mkdir, open, readlink, realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";

/** The path is no part of the volume, or was made to be none while it was looked at. */
export class SubPathError extends Error {
  override readonly name = "SubPathError";
}

/** linux/fcntl.h: a handle that names a file and opens nothing, so that pipes and devices do no harm. */
const O_PATH = 0o10000000;
const O_NOFOLLOW = 0o400000;
const IS_LINUX = process.platform === "linux";

/** The real path of `subPath`, which is made as a directory where it is missing. */
export async function findSubPath(volume: string, subPath: string): Promise<string> {
  const root = await realpath(volume);
  const wanted = join(root, subPath);
  const existing = await existingPart(wanted);
  requireInside(existing.real, root, subPath);
  const real = join(existing.real, relative(existing.path, wanted));
  requireInside(real, root, subPath);
  const components = relative(root, real)
    .split(sep)
    .filter((component) => component !== "");
  return IS_LINUX ? walkHandles(root, components, subPath) : walkPaths(root, components, subPath);
}

function requireInside(real: string, root: string, subPath: string): void {
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep))
    throw new SubPathError(`"${subPath}" leads out of the volume`);
}

/** The longest part of the path that is there. A link to nowhere counts as there, and leads there. */
async function existingPart(path: string): Promise<{ path: string; real: string }> {
  for (let part = path; ; part = dirname(part)) {
    if ((await lstat(part).catch(() => undefined)) === undefined) continue;
    return { path: part, real: await realpath(part).catch(() => linkTarget(part)) };
  }
}

async function linkTarget(link: string): Promise<string> {
  return resolve(await realpath(dirname(link)), await readlink(link));
}

async function walkHandles(
  root: string,
  components: readonly string[],
  subPath: string,
): Promise<string> {
  let handle = await open(root, O_PATH | O_NOFOLLOW);
  try {
    const { mode } = await handle.stat();
    for (const component of components) {
      const next = await step(handle, component, mode & 0o7777);
      await handle.close();
      handle = next;
      if ((await handle.stat()).isSymbolicLink())
        throw new SubPathError(`"${subPath}" changed while it was being mounted`);
    }
    // Where the handle is now: a directory moved out of the volume in the meantime shows here.
    const real = await readlink(`/proc/self/fd/${handle.fd}`);
    requireInside(real, root, subPath);
    return real;
  } finally {
    await handle.close();
  }
}

async function step(from: FileHandle, component: string, mode: number): Promise<FileHandle> {
  const path = `/proc/self/fd/${from.fd}/${component}`;
  try {
    return await open(path, O_PATH | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await mkdir(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  const made = await open(path, O_PATH | O_NOFOLLOW);
  // As open as the volume itself, whatever the umask; by the handle, not by the name.
  if ((await made.stat()).isDirectory()) await chmod(`/proc/self/fd/${made.fd}`, mode);
  return made;
}

/** Without handles on directories: checked, but not safe from somebody who swaps them at that moment. */
async function walkPaths(
  root: string,
  components: readonly string[],
  subPath: string,
): Promise<string> {
  const path = join(root, ...components);
  if ((await lstat(path).catch(() => undefined)) === undefined)
    await mkdir(path, { recursive: true });
  const real = await realpath(path);
  requireInside(real, root, subPath);
  return real;
}
