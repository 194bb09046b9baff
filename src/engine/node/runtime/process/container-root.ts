/**
 * Lays out what a container sees: a fresh root directory for every start (as an image's writable
 * layer would be), with each mount a symbolic link to its volume.
 */
import { lstat, mkdir, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { dirname, posix } from "node:path";
import { type Mount, RuntimeError } from "../runtime.ts";
import { type ContainerRoot, insideRoot } from "./path-translation.ts";

export async function layOutRoot(
  path: string,
  mounts: readonly Mount[],
  workingDir: string | undefined,
): Promise<ContainerRoot & { readonly cwd: string }> {
  await rm(path, { recursive: true, force: true });
  await mkdir(`${path}/tmp`, { recursive: true });
  // Outer mounts first: an inner one is then linked inside the outer volume, as a runtime mounts it.
  const ordered = mounts
    .map((mount) => ({ ...mount, containerPath: posix.join("/", mount.containerPath) }))
    .map((mount) => ({ ...mount, containerPath: mount.containerPath.replace(/(?<=.)\/$/, "") }))
    .sort((a, b) => a.containerPath.length - b.containerPath.length);
  for (const mount of ordered) await link(path, mount);
  const cwd = insideRoot(path, workingDir ?? "/");
  await mkdir(cwd, { recursive: true });
  const owned = ordered.map((mount) => mount.containerPath);
  if (workingDir !== undefined) owned.push(posix.normalize(workingDir).replace(/(?<=.)\/$/, ""));
  return { path, owned, cwd };
}

async function link(root: string, mount: Mount): Promise<void> {
  if (mount.containerPath === "/")
    throw new RuntimeError(
      "CreateContainerError",
      "a volume cannot be mounted on /: choose a directory below it as mountPath",
    );
  const target = insideRoot(root, mount.containerPath);
  await mkdir(dirname(target), { recursive: true });
  await vacate(target, mount.containerPath);
  await symlink(mount.hostPath, target);
}

/**
 * Inside an outer volume something may be there already. A link or an empty directory is a mount
 * point, perhaps of the last start; anything else is somebody's data and stays.
 */
async function vacate(target: string, containerPath: string): Promise<void> {
  const existing = await lstat(target).catch(() => undefined);
  if (existing === undefined) return;
  try {
    if (existing.isDirectory()) await rmdir(target);
    else if (existing.isSymbolicLink()) await unlink(target);
    else throw new Error("it is a file");
  } catch (cause) {
    throw new RuntimeError(
      "CreateContainerError",
      `cannot mount on ${containerPath}: the volume mounted around it has content there; choose another mountPath`,
      { cause },
    );
  }
}
