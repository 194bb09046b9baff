/** The mounts of one container: its `volumeMounts` resolved to host paths, sub-paths included. */
import { cp, lstat, mkdir, readlink, realpath, rm, stat } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import type { VolumeMount } from "kubernetes-types/core/v1";
import { expand } from "../env/expansion.ts";
import type { Container } from "../pod-model.ts";
import { RuntimeError } from "../runtime/runtime.ts";
import type { Mount } from "../runtime/runtime.ts";

export interface MountInputs {
  readonly container: Container;
  /** Host path of each volume. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly env: ReadonlyMap<string, string>;
  /** Where this container's sub-path copies are kept: they must not follow later updates. */
  readonly subPathDirectory: string;
  /** Volumes made of API objects, whose files are replaced on update. */
  readonly isProjected: (volume: string) => boolean;
}

/** Throws `RuntimeError` with reason `CreateContainerConfigError`. */
export async function containerMounts(inputs: MountInputs): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of inputs.container.volumeMounts ?? [])
    mounts.push({
      hostPath: await hostPath(mount, inputs),
      containerPath: mount.mountPath,
      readOnly: mount.readOnly ?? false,
    });
  return mounts;
}

async function hostPath(mount: VolumeMount, inputs: MountInputs): Promise<string> {
  const volume = inputs.volumes.get(mount.name);
  if (volume === undefined)
    throw invalid(`volume "${mount.name}" of mount ${mount.mountPath} is not in the pod`);
  const subPath = subPathOf(mount, inputs.env);
  if (subPath === "") return volume;
  const path = join(volume, subPath);
  if (inputs.isProjected(mount.name)) return freeze(path, mount, inputs);
  // Before anything is made: a link that a container left in the volume may lead out of it.
  await requireInside(await existingPart(path), volume, mount);
  // A sub-path that is not there yet is a directory, as with upstream.
  if ((await stat(path).catch(() => undefined)) === undefined)
    await mkdir(path, { recursive: true });
  const real = await realpath(path);
  await requireInside(real, volume, mount);
  return real;
}

/** The real path of the longest part of `path` that is there. A link to nowhere counts as there. */
async function existingPart(path: string): Promise<string> {
  for (let part = path; ; part = dirname(part)) {
    if ((await lstat(part).catch(() => undefined)) === undefined) continue;
    return realpath(part).catch(() => readlink(part));
  }
}

async function requireInside(real: string, volume: string, mount: VolumeMount): Promise<void> {
  const realVolume = await realpath(volume);
  if (real !== realVolume && !real.startsWith(realVolume + sep))
    throw invalid(
      `subPath "${mount.subPath ?? mount.subPathExpr ?? ""}" of volume "${mount.name}" leads out of the volume`,
    );
}

function subPathOf(mount: VolumeMount, env: ReadonlyMap<string, string>): string {
  const { subPath = "", subPathExpr = "" } = mount;
  const missing: string[] = [];
  const path =
    subPathExpr === ""
      ? subPath
      : expand(subPathExpr, (name) => {
          const value = env.get(name);
          if (value === undefined) missing.push(name);
          return value;
        });
  if (missing.length > 0)
    throw invalid(`subPathExpr "${subPathExpr}" uses undefined variables: ${missing.join(", ")}`);
  if (path.startsWith("/")) throw invalid(`subPath "${path}" must not be an absolute path`);
  if (path.split("/").includes("..")) throw invalid(`subPath "${path}" must not contain ".."`);
  return path === "" ? "" : posix.normalize(path);
}

/** A sub-path mount never sees updates of its volume: what it names is copied as it is now. */
async function freeze(path: string, mount: VolumeMount, inputs: MountInputs): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined)
    throw invalid(`subPath "${mount.subPath ?? ""}" does not exist in volume "${mount.name}"`);
  await requireInside(real, inputs.volumes.get(mount.name) ?? "", mount);
  const copy = join(
    inputs.subPathDirectory,
    inputs.container.name,
    mount.mountPath.replaceAll("/", "_"),
  );
  await mkdir(dirname(copy), { recursive: true });
  await rm(copy, { recursive: true, force: true });
  await cp(real, copy, { recursive: true, dereference: true });
  return copy;
}

const invalid = (message: string): RuntimeError =>
  new RuntimeError("CreateContainerConfigError", message);
