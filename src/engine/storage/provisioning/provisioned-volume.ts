/** The PersistentVolume that stands for what a driver made. Pure. */
import type { SecretReference } from "kubernetes-types/core/v1";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import type { StorageClass } from "../../../kube/kinds/storageclass.ts";
import { formatBytes } from "../byte-size.ts";
import { PROVISIONED_BY } from "../driver-volume.ts";
import type { Volume } from "../volume-driver.ts";
import type { ClassParameters, SecretUse } from "./class-parameters.ts";
import { selectorTerms } from "./topology.ts";

/** Keeps the PersistentVolume until its driver has deleted what it stands for. */
export const PROVISIONER_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer";
const DELETION_SECRET = "volume.kubernetes.io/provisioner-deletion-secret";

export interface Provisioned {
  readonly driver: string;
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly parameters: ClassParameters;
  readonly volume: Volume;
  readonly requestedBytes: number;
}

/** `pvc-<uid>`, as upstream: one claim has one volume, however often it is asked for. */
export function volumeName({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid ?? ""}`;
}

export function persistentVolumeOf(made: Provisioned): PersistentVolume {
  const { driver, claim, storageClass, volume, parameters } = made;
  const { namespace = "", name, uid = "", resourceVersion } = claim.metadata;
  const policy = storageClass.reclaimPolicy ?? "Delete";
  const terms = selectorTerms(volume.accessibleFrom);
  const secret = parameters.secrets.provisioner;
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name: volumeName(claim),
      annotations: {
        [PROVISIONED_BY]: driver,
        [`${DELETION_SECRET}-name`]: secret?.name ?? "",
        [`${DELETION_SECRET}-namespace`]: secret?.namespace ?? "",
      },
      ...(policy === "Delete" ? { finalizers: [PROVISIONER_FINALIZER] } : {}),
    },
    spec: {
      capacity: { storage: capacityOf(made) },
      accessModes: [...(claim.spec?.accessModes ?? [])],
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClassNameOf(claim) ?? storageClass.metadata.name,
      volumeMode: claim.spec?.volumeMode ?? "Filesystem",
      ...(storageClass.mountOptions === undefined
        ? {}
        : { mountOptions: [...storageClass.mountOptions] }),
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace,
        name,
        uid,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      ...(terms === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
      ...(volume.path === undefined ? { csi: csiSource(made) } : { local: { path: volume.path } }),
    },
  };
}

/** In the claim's own words where it got what it asked for: `1G` stays `1G`. */
function capacityOf({ volume, claim, requestedBytes }: Provisioned): string {
  const bytes = volume.capacityBytes || requestedBytes;
  const asked = claim.spec?.resources?.requests?.["storage"];
  return bytes === requestedBytes && asked !== undefined ? asked : formatBytes(bytes);
}

/** The secret that the volume was made with, and is deleted with. */
export function deletionSecret({ metadata }: PersistentVolume): SecretReference | undefined {
  const name = metadata.annotations?.[`${DELETION_SECRET}-name`] ?? "";
  const namespace = metadata.annotations?.[`${DELETION_SECRET}-namespace`] ?? "";
  return name === "" || namespace === "" ? undefined : { name, namespace };
}

function csiSource({ driver, volume, parameters, claim }: Provisioned) {
  const { fsType, secrets } = parameters;
  const isBlock = claim.spec?.volumeMode === "Block";
  const ref = (field: string, use: SecretUse) =>
    secrets[use] === undefined ? {} : { [field]: secrets[use] };
  return {
    driver,
    volumeHandle: volume.volumeId,
    ...(isBlock || fsType === undefined ? {} : { fsType }),
    volumeAttributes: { ...volume.context },
    ...ref("controllerPublishSecretRef", "controller-publish"),
    ...ref("controllerExpandSecretRef", "controller-expand"),
    ...ref("nodeStageSecretRef", "node-stage"),
    ...ref("nodePublishSecretRef", "node-publish"),
    ...ref("nodeExpandSecretRef", "node-expand"),
  };
}
