/** What a VolumeSnapshot tells of its content. Pure. */
import { formatTime } from "../../../client/timestamps.ts";
import type { VolumeSnapshot, VolumeSnapshotStatus } from "../../../kube/kinds/volumesnapshot.ts";
import type { VolumeSnapshotContent } from "../../../kube/kinds/volumesnapshotcontent.ts";
import { formatBytes } from "../byte-size.ts";

const NANOS_PER_MS = 1_000_000;

export function statusFromContent(
  snapshot: VolumeSnapshot,
  content: VolumeSnapshotContent,
): VolumeSnapshotStatus {
  const { creationTime, readyToUse = false, restoreSize, error } = content.status ?? {};
  const { error: _, ...known } = snapshot.status ?? {};
  return {
    ...known,
    boundVolumeSnapshotContentName: content.metadata.name,
    readyToUse,
    ...(creationTime === undefined
      ? {}
      : { creationTime: formatTime(creationTime / NANOS_PER_MS) }),
    ...(restoreSize === undefined ? {} : { restoreSize: formatBytes(restoreSize) }),
    ...(error === undefined ? {} : { error }),
  };
}

/** The status with what went wrong; the time stays while the message does. */
export function withError(
  status: VolumeSnapshotStatus | undefined,
  message: string,
  nowMs: number,
): VolumeSnapshotStatus {
  if (status?.error?.message === message && status.readyToUse === false) return status;
  return { ...status, readyToUse: false, error: { message, time: formatTime(nowMs) } };
}
