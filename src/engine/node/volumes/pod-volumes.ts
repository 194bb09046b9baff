/**
 * The volumes of one pod on disk, below `<pod>/volumes/<name>`. Preparing again brings them up to
 * date with the objects that they are made of.
 */
import { mkdir, open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HostPathVolumeSource, Volume } from "kubernetes-types/core/v1";
import { MissingReferenceError } from "../env/missing-reference.ts";
import { specOf } from "../pod-model.ts";
import { writeAtomically } from "./atomic-writer.ts";
import { type PayloadInputs, volumePayload } from "./volume-payload.ts";

/** A volume that cannot be had as it is asked for: the pod waits, told by a FailedMount event. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** Upstream's mode of emptyDir: any user of the pod may write. */
const EMPTY_DIR_MODE = 0o777;

/** Host path of each volume, by name. Throws `VolumeError` or `MissingReferenceError`. */
export async function preparePodVolumes(
  podDirectory: string,
  inputs: PayloadInputs,
): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const volume of specOf(inputs.pod).volumes ?? [])
    try {
      paths.set(volume.name, await prepare(volume, podDirectory, inputs));
    } catch (cause) {
      const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${(cause as Error).message}`;
      if (cause instanceof MissingReferenceError)
        throw new MissingReferenceError(message, { cause });
      throw new VolumeError(message, { cause });
    }
  return paths;
}

async function prepare(
  volume: Volume,
  podDirectory: string,
  inputs: PayloadInputs,
): Promise<string> {
  if (volume.hostPath !== undefined) return checkHostPath(volume.hostPath);
  const directory = join(podDirectory, "volumes", volume.name);
  const payload = volumePayload(volume, inputs);
  if (payload !== undefined) {
    await writeAtomically(directory, payload);
    return directory;
  }
  const [kind = "emptyDir"] = Object.keys(volume).filter((key) => key !== "name");
  if (kind !== "emptyDir")
    throw new VolumeError(
      `volumes of type ${kind} are not supported by this node; use configMap, secret, emptyDir, downwardAPI, projected or hostPath`,
    );
  await mkdir(directory, { recursive: true, mode: EMPTY_DIR_MODE });
  return directory;
}

/** The checks of hostPath.type, as upstream's host_path plugin. */
async function checkHostPath({ path, type = "" }: HostPathVolumeSource): Promise<string> {
  if (type === "DirectoryOrCreate") await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === "FileOrCreate") await open(path, "a", 0o644).then((handle) => handle.close());
  if (type === "") return path;
  const info = await stat(path).catch(() => undefined);
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
    throw new VolumeError(`hostPath type check failed: ${path} is not of type ${type}`);
  return path;
}
