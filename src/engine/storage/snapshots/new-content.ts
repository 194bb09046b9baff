/** What a new snapshot is taken of, and how. */
import type { ObjectReader } from "../../../client/object-cache.ts";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { VolumeSnapshot } from "../../../kube/kinds/volumesnapshot.ts";
import {
  isDefaultSnapshotClass,
  type VolumeSnapshotClass,
} from "../../../kube/kinds/volumesnapshotclass.ts";
import type { VolumeSnapshotContent } from "../../../kube/kinds/volumesnapshotcontent.ts";
import { volumeOf } from "../driver-volume.ts";
import { readClassParameters } from "../provisioning/class-parameters.ts";
import {
  CONTENT_PROTECTION,
  contentName,
  DELETION_SECRET_NAME,
  DELETION_SECRET_NAMESPACE,
} from "./snapshot-names.ts";

/** A snapshot cannot be taken (yet); the message goes into its status. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface SnapshotCaches {
  readonly claims: ObjectReader<PersistentVolumeClaim>;
  readonly volumes: ObjectReader<PersistentVolume>;
  readonly classes: ObjectReader<VolumeSnapshotClass>;
}

const FAILED = "SnapshotContentCreationFailed";

/** @throws SnapshotError */
export function newContent(
  snapshot: VolumeSnapshot,
  caches: SnapshotCaches,
): { readonly content: VolumeSnapshotContent; readonly className: string } {
  const { namespace = "", name, uid = "", resourceVersion = "" } = snapshot.metadata;
  const claimName = snapshot.spec.source.persistentVolumeClaimName ?? "";
  const claim = caches.claims.get(`${namespace}/${claimName}`);
  if (claim === undefined)
    throw new SnapshotError(
      FAILED,
      `Failed to create snapshot content with error snapshot controller failed to update ${name} on API server: cannot get claim from snapshot: the claim ${claimName} does not exist`,
    );
  const volume = caches.volumes.get(claim.spec?.volumeName ?? "");
  if (claim.status?.phase !== "Bound" || volume === undefined)
    throw new SnapshotError(
      FAILED,
      `Failed to create snapshot content with error the PVC ${claimName} is not yet bound to a PV, will not attempt to take a snapshot`,
    );
  const known = volumeOf(volume);
  if (known === undefined)
    throw new SnapshotError(
      FAILED,
      `Failed to create snapshot content with error the volume ${volume.metadata.name} is of no driver that takes snapshots`,
    );
  const snapshotClass = classFor(snapshot, known.driver, caches);
  const { secrets } = readClassParameters(snapshotClass.parameters ?? {}, {
    "volumesnapshot.name": name,
    "volumesnapshot.namespace": namespace,
    "volumesnapshotcontent.name": contentName(snapshot),
  });
  const { snapshotter } = secrets;
  const content: VolumeSnapshotContent = {
    apiVersion: "snapshot.storage.k8s.io/v1",
    kind: "VolumeSnapshotContent",
    metadata: {
      name: contentName(snapshot),
      finalizers: [CONTENT_PROTECTION],
      annotations:
        snapshotter === undefined
          ? {}
          : {
              [DELETION_SECRET_NAME]: snapshotter.name ?? "",
              [DELETION_SECRET_NAMESPACE]: snapshotter.namespace ?? "",
            },
    },
    spec: {
      deletionPolicy: snapshotClass.deletionPolicy,
      driver: known.driver,
      source: { volumeHandle: known.volumeId },
      sourceVolumeMode: known.use.volumeMode,
      volumeSnapshotClassName: snapshotClass.metadata.name,
      volumeSnapshotRef: {
        apiVersion: "snapshot.storage.k8s.io/v1",
        kind: "VolumeSnapshot",
        namespace,
        name,
        uid,
        resourceVersion,
      },
    },
  };
  return { content, className: snapshotClass.metadata.name };
}

function classFor(
  { spec }: VolumeSnapshot,
  driver: string,
  { classes }: SnapshotCaches,
): VolumeSnapshotClass {
  const named = spec.volumeSnapshotClassName;
  if (named !== undefined) {
    const found = classes.get(named);
    if (found === undefined)
      throw new SnapshotError(
        "GetSnapshotClassFailed",
        `Failed to get snapshot class with error volumesnapshotclass.snapshot.storage.k8s.io "${named}" not found`,
      );
    if (found.driver !== driver)
      throw new SnapshotError(
        FAILED,
        `Failed to create snapshot content with error the class ${named} is of driver ${found.driver}, the volume of ${driver}`,
      );
    return found;
  }
  const defaults = classes
    .list()
    .filter((one) => one.driver === driver && isDefaultSnapshotClass(one));
  const [only] = defaults;
  if (only === undefined || defaults.length > 1)
    throw new SnapshotError(
      "SetDefaultSnapshotClassFailed",
      `Failed to set default snapshot class with error ${defaults.length} default snapshot classes were found for driver ${driver}: there must be one, or the snapshot names its class`,
    );
  return only;
}
