/** Between what drivers say and what the rest of storage means. Pure. */
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";
import type { SizeRange, Snapshot, Topology, Volume, VolumeUse } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { ACCESS_MODE } from "./csi-messages.ts";

/** Longest names and most entries that are taken from a driver: they end up in objects. */
const MAX_TEXT_CHARACTERS = 4_096;
const MAX_ENTRIES = 256;

export function text(object: UnknownObject, field: string): string {
  const value = object[field];
  if (typeof value !== "string") return "";
  if (value.length > MAX_TEXT_CHARACTERS)
    throw new VolumeDriverError("Internal", `the driver's ${field} is too long to be used`);
  return value;
}
export function number(object: UnknownObject, field: string): number {
  const value = object[field];
  return typeof value === "number" && value >= 0 ? value : 0;
}
export function part(object: UnknownObject, field: string): UnknownObject | undefined {
  const value = object[field];
  return isObject(value) ? value : undefined;
}
export function list(object: UnknownObject, field: string): readonly UnknownObject[] {
  const value = object[field];
  return Array.isArray(value) ? value.filter(isObject).slice(0, MAX_ENTRIES) : [];
}
export function texts(object: UnknownObject, field: string): Readonly<Record<string, string>> {
  const entries = Object.entries(part(object, field) ?? {}).slice(0, MAX_ENTRIES);
  return Object.fromEntries(
    entries.flatMap(([key, value]) =>
      typeof value === "string" ? [[key, value.slice(0, MAX_TEXT_CHARACTERS)]] : [],
    ),
  );
}

/** A driver that knows of single writers is told which kind, others what they always were. */
export function capabilityOf(use: VolumeUse, knowsSingleWriters: boolean, mode: string) {
  const access =
    use.volumeMode === "Block"
      ? { block: {} }
      : {
          mount: {
            fsType: use.fsType ?? "",
            mountFlags: [...(use.mountOptions ?? [])],
            volumeMountGroup: use.mountGroup ?? "",
          },
        };
  return { ...access, accessMode: { mode: accessMode(mode, knowsSingleWriters) } };
}

function accessMode(mode: string, knowsSingleWriters: boolean): number {
  switch (mode) {
    case "ReadOnlyMany":
      return ACCESS_MODE.multiNodeReaderOnly;
    case "ReadWriteMany":
      return ACCESS_MODE.multiNodeMultiWriter;
    case "ReadWriteOncePod":
      return knowsSingleWriters ? ACCESS_MODE.singleNodeSingleWriter : ACCESS_MODE.singleNodeWriter;
    default:
      return knowsSingleWriters ? ACCESS_MODE.singleNodeMultiWriter : ACCESS_MODE.singleNodeWriter;
  }
}

/** The mode that a pod uses a volume in: of several the one that allows most. */
export function strongestMode({ accessModes }: VolumeUse): string {
  const order = ["ReadWriteMany", "ReadWriteOncePod", "ReadWriteOnce", "ReadOnlyMany"];
  return order.find((mode) => accessModes.includes(mode)) ?? "ReadWriteOnce";
}

export function capacityRange({ requiredBytes, limitBytes = 0 }: SizeRange) {
  return { requiredBytes, limitBytes };
}

export function topologyOf(topology: UnknownObject): Topology {
  return texts(topology, "segments");
}

/** @throws VolumeDriverError `Internal` when the driver's answer has no volume in it */
export function volumeFrom(answer: UnknownObject): Volume {
  const volume = part(answer, "volume");
  const volumeId = volume === undefined ? "" : text(volume, "volumeId");
  if (volume === undefined || volumeId === "")
    throw new VolumeDriverError("Internal", "the driver made a volume without saying which");
  return {
    volumeId,
    capacityBytes: number(volume, "capacityBytes"),
    context: texts(volume, "volumeContext"),
    accessibleFrom: list(volume, "accessibleTopology").map(topologyOf),
  };
}

/** @throws VolumeDriverError `Internal` when the driver's answer has no snapshot in it */
export function snapshotFrom(answer: UnknownObject): Snapshot {
  const snapshot = part(answer, "snapshot");
  const snapshotId = snapshot === undefined ? "" : text(snapshot, "snapshotId");
  if (snapshot === undefined || snapshotId === "")
    throw new VolumeDriverError("Internal", "the driver took a snapshot without saying which");
  const time = part(snapshot, "creationTime") ?? {};
  return {
    snapshotId,
    sourceVolumeId: text(snapshot, "sourceVolumeId"),
    sizeBytes: number(snapshot, "sizeBytes"),
    createdAtMs: number(time, "seconds") * 1_000 + Math.trunc(number(time, "nanos") / 1_000_000),
    readyToUse: snapshot["readyToUse"] === true,
  };
}
