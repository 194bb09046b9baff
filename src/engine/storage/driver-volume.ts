/** Which driver a PersistentVolume belongs to, and what that driver calls it. */
import { basename, dirname } from "node:path";
import type { SecretReference } from "kubernetes-types/core/v1";
import type { PersistentVolume } from "../../kube/kinds/persistentvolume.ts";
import type { NodeVolume, VolumeUse } from "./volume-driver.ts";

/** The provisioner of volumes that are directories on this machine. */
export const LOCAL_DRIVER = "gantry.dev/local";
export const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";

export interface DriverVolume extends NodeVolume {
  readonly driver: string;
  readonly use: VolumeUse;
  readonly readOnly: boolean;
  /** What the secrets of each call are read from; empty for volumes that need none. */
  readonly secretRefs: DriverSecretRefs;
}
export interface DriverSecretRefs {
  readonly controllerPublish?: SecretReference;
  readonly controllerExpand?: SecretReference;
  readonly nodeStage?: SecretReference;
  readonly nodePublish?: SecretReference;
  readonly nodeExpand?: SecretReference;
}

/**
 * Undefined for volumes that no driver has to do with: `hostPath`, `local` paths made by hand,
 * network file systems.
 */
export function volumeOf({ metadata, spec }: PersistentVolume): DriverVolume | undefined {
  const { csi, local } = spec ?? {};
  const use: VolumeUse = {
    accessModes: spec?.accessModes ?? [],
    volumeMode: spec?.volumeMode === "Block" ? "Block" : "Filesystem",
    ...(csi?.fsType === undefined ? {} : { fsType: csi.fsType }),
    ...(spec?.mountOptions === undefined ? {} : { mountOptions: spec.mountOptions }),
  };
  if (csi !== undefined)
    return {
      driver: csi.driver,
      volumeId: csi.volumeHandle,
      context: csi.volumeAttributes ?? {},
      use,
      readOnly: csi.readOnly ?? false,
      secretRefs: {
        ...ref("controllerPublish", csi.controllerPublishSecretRef),
        ...ref("controllerExpand", csi.controllerExpandSecretRef),
        ...ref("nodeStage", csi.nodeStageSecretRef),
        ...ref("nodePublish", csi.nodePublishSecretRef),
        ...ref("nodeExpand", csi.nodeExpandSecretRef),
      },
    };
  if (local === undefined || metadata.annotations?.[PROVISIONED_BY] !== LOCAL_DRIVER)
    return undefined;
  return {
    driver: LOCAL_DRIVER,
    volumeId: basename(local.path),
    // The driver refuses what lies elsewhere, so that an annotation gives no reach beyond its own.
    context: { directory: dirname(local.path) },
    use,
    readOnly: false,
    secretRefs: {},
  };
}

function ref(name: keyof DriverSecretRefs, value: SecretReference | undefined): DriverSecretRefs {
  return value === undefined ? {} : { [name]: value };
}
