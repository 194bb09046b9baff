/** Names, annotations and finalizers of snapshots, as kubernetes-csi's snapshot controller has them. */
import type { VolumeSnapshot } from "../../../kube/kinds/volumesnapshot.ts";

export const BOUND_PROTECTION = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection";
export const SOURCE_PROTECTION =
  "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection";
export const CONTENT_PROTECTION =
  "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection";
/** Keeps a claim while a snapshot is taken of its volume. */
export const CLAIM_SOURCE_PROTECTION = "snapshot.storage.kubernetes.io/pvc-as-source-protection";
/** On a content: its VolumeSnapshot is being deleted, so the driver's snapshot may go. */
export const BEING_DELETED = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted";
export const DELETION_SECRET_NAME = "snapshot.storage.kubernetes.io/deletion-secret-name";
export const DELETION_SECRET_NAMESPACE = "snapshot.storage.kubernetes.io/deletion-secret-namespace";

export function contentName({ metadata }: VolumeSnapshot): string {
  return `snapcontent-${metadata.uid ?? ""}`;
}

/** What the driver is asked for: it follows from the uid, so asking twice is asking once. */
export function snapshotName(uid: string): string {
  return `snapshot-${uid}`;
}
