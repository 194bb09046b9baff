/** The mounts of one container: its `volumeMounts` resolved to host paths, sub-paths included. */
import { cp, lstat, mkdir, rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { VolumeMount } from "kubernetes-types/core/v1";
import { expand } from "../env/expansion.ts";
import type { Container } from "../pod-model.ts";
import { RuntimeError } from "../runtime/runtime.ts";
import type { Mount } from "../runtime/runtime.ts";
import { findSubPath, SubPathError } from "./sub-path.ts";

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
  const { volumeMounts = [], volumeDevices = [] } = inputs.container;
  const mounts: Mount[] = [];
  for (const mount of volumeMounts)
    mounts.push({
      hostPath: await hostPath(mount, inputs),
      containerPath: mount.mountPath,
      readOnly: mount.readOnly ?? false,
    });
  for (const { name, devicePath } of volumeDevices)
    mounts.push({
      hostPath: await volumePath({ name, mountPath: devicePath }, inputs),
      containerPath: devicePath,
      readOnly: false,
    });
  return mounts;
}

async function hostPath(mount: VolumeMount, inputs: MountInputs): Promise<string> {
  const volume = await volumePath(mount, inputs);
  const subPath = subPathOf(mount, inputs.env);
  if (subPath === "") return volume;
  if (inputs.isProjected(mount.name)) return freeze(volume, subPath, mount, inputs);
  return inside(volume, subPath, mount);
}

async function volumePath(
  { name, mountPath }: Pick<VolumeMount, "name" | "mountPath">,
  { volumes }: MountInputs,
): Promise<string> {
  const volume = volumes.get(name);
  if (volume === undefined)
    throw invalid(`volume "${name}" of mount ${mountPath} is not in the pod`);
  if ((await lstat(volume).catch(() => undefined)) === undefined)
    throw invalid(
      `volume "${name}" is gone: ${volume} was removed from the machine; put it back, or delete the pod`,
    );
  return volume;
}

async function inside(volume: string, subPath: string, mount: VolumeMount): Promise<string> {
  try {
    return await findSubPath(volume, subPath);
  } catch (error) {
    const cause = error as Error;
    throw invalid(
      cause instanceof SubPathError
        ? `subPath ${cause.message.replace(/volume$/, `volume "${mount.name}"`)}`
        : `failed to prepare subPath for volumeMount "${mount.name}": ${cause.message}`,
    );
  }
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
async function freeze(
  volume: string,
  subPath: string,
  mount: VolumeMount,
  inputs: MountInputs,
): Promise<string> {
  if ((await lstat(join(volume, subPath)).catch(() => undefined)) === undefined)
    throw invalid(`subPath "${subPath}" does not exist in volume "${mount.name}"`);
  const real = await inside(volume, subPath, mount);
  const copy = join(
    inputs.subPathDirectory,
    inputs.container.name,
    mount.mountPath.replaceAll("/", "_"),
  );
  await mkdir(dirname(copy), { recursive: true });
  await rm(copy, { recursive: true, force: true });
  // Links stay links: what one leads to is not the volume's to hand out.
  await cp(real, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

const invalid = (message: string): RuntimeError =>
  new RuntimeError("CreateContainerConfigError", message);
