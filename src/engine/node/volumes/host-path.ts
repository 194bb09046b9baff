/**
 * `hostPath` volumes: a part of the machine's own file tree. Which parts is the operator's to say;
 * without a word all of it, since processes of the `process` runtime see all of it anyway.
 */
import { lstat, mkdir, open, readlink, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { HostPathVolumeSource } from "kubernetes-types/core/v1";
import { VolumeError } from "./volume-error.ts";

export interface HostPathPolicy {
  /** Directories that, and below which, paths may be mounted. Absent: everything. Empty: nothing. */
  readonly allowedPrefixes?: readonly string[];
}

/** Makes what `type` says to make, checks the rest as upstream's host_path plugin. @returns the real path */
export async function prepareHostPath(
  { path, type = "" }: HostPathVolumeSource,
  policy: HostPathPolicy,
): Promise<string> {
  if (!isAbsolute(path)) throw new VolumeError(`hostPath ${path} must be an absolute path`);
  // Before anything is made, and once more for what a link became in between.
  await requireAllowed(path, policy);
  if (type === "DirectoryOrCreate") await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === "FileOrCreate") await makeFile(path);
  const real = await requireAllowed(path, policy);
  if (type === "") return policy.allowedPrefixes === undefined ? path : real;
  const info = await stat(real).catch(() => undefined);
  const fits: Readonly<Record<string, boolean | undefined>> = {
    DirectoryOrCreate: info?.isDirectory(),
    Directory: info?.isDirectory(),
    FileOrCreate: info?.isFile(),
    File: info?.isFile(),
    Socket: info?.isSocket(),
    CharDevice: info?.isCharacterDevice(),
    BlockDevice: info?.isBlockDevice(),
  };
  if (fits[type] !== true)
    throw new VolumeError(`hostPath type check failed: ${path} is not ${NAMES[type] ?? type}`);
  return real;
}

/** Opens nothing that is there: a pipe would hold up one of the few threads for files for ever. */
async function makeFile(path: string): Promise<void> {
  try {
    await (await open(path, "ax", 0o644)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** As upstream words them. */
const NAMES: Readonly<Record<string, string>> = {
  DirectoryOrCreate: "a directory",
  Directory: "a directory",
  FileOrCreate: "a file",
  File: "a file",
  Socket: "a socket file",
  CharDevice: "a character device",
  BlockDevice: "a block device",
};

/** The path with all links resolved as far as it is there. */
async function requireAllowed(path: string, { allowedPrefixes }: HostPathPolicy): Promise<string> {
  const real = await resolveLinks(resolve(path));
  if (allowedPrefixes === undefined) return real;
  for (const prefix of allowedPrefixes) {
    const root = await resolveLinks(resolve(prefix));
    if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return real;
  }
  const allowed =
    allowedPrefixes.length === 0 ? "nothing" : `only what is below ${allowedPrefixes.join(", ")}`;
  throw new VolumeError(
    `hostPath ${path} may not be mounted on this node: ${allowed} is allowed (--host-path-prefix)`,
  );
}

async function resolveLinks(path: string): Promise<string> {
  for (let part = path; ; part = dirname(part)) {
    if ((await lstat(part).catch(() => undefined)) === undefined) continue;
    const real = await realpath(part).catch(() => linkTarget(part));
    return join(real, relative(part, path));
  }
}

/** A link to nowhere would lead there as soon as it is made. */
async function linkTarget(link: string): Promise<string> {
  return resolve(await realpath(dirname(link)), await readlink(link));
}
