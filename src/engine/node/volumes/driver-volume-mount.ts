/** What a driver is told of a pod's volume: of a PersistentVolume, or inline in the pod (`csi`). */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CSIVolumeSource } from "kubernetes-types/core/v1";
import type { CSIDriver } from "../../../kube/kinds/csidriver.ts";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type DriverVolume, LOCAL_DRIVER } from "../../storage/driver-volume.ts";
import { namespaceOf, specOf, uidOf } from "../pod-model.ts";
import type { DriverMount } from "./driver-mounts.ts";
import type { NodeVolumes } from "./node-volumes.ts";
import { VolumeError } from "./volume-error.ts";

export interface PodPlace {
  readonly pod: Pod;
  /** Name of the volume in the pod. */
  readonly name: string;
  readonly podDirectory: string;
}

/** Throws `VolumeError` while the volume is not attached or a secret is missing. */
export function persistentMount(
  node: NodeVolumes,
  place: PodPlace,
  volume: PersistentVolume,
  { driver, use, secretRefs, ...driverVolume }: DriverVolume,
  readOnly: boolean,
): DriverMount {
  const stageSecrets = node.secretsOf(secretRefs.nodeStage);
  const publishSecrets = node.secretsOf(secretRefs.nodePublish);
  const expandSecrets = node.secretsOf(secretRefs.nodeExpand);
  const publishContext = attachmentContext(node, driver, volume);
  const declared = node.csiDrivers.get(driver);
  return {
    driver,
    volumeId: driverVolume.volumeId,
    context: { ...driverVolume.context, ...podInfo(declared, place, false) },
    podUid: uidOf(place.pod),
    name: place.name,
    targetPath: targetPathOf(place),
    use,
    readOnly: readOnly || driverVolume.readOnly,
    ...(publishContext === undefined ? {} : { publishContext }),
    ...(stageSecrets === undefined ? {} : { stageSecrets }),
    ...(publishSecrets === undefined ? {} : { publishSecrets }),
    ...(expandSecrets === undefined ? {} : { expandSecrets }),
  };
}

/** A volume that lives and ends with the pod. */
export function inlineMount(
  node: NodeVolumes,
  place: PodPlace,
  source: CSIVolumeSource,
): DriverMount {
  const { driver, readOnly = false, fsType, nodePublishSecretRef, volumeAttributes } = source;
  const declared = node.csiDrivers.get(driver);
  const modes = declared?.spec?.volumeLifecycleModes ?? ["Persistent"];
  if (!modes.includes("Ephemeral"))
    throw new VolumeError(
      `volume mode "Ephemeral" not supported by driver ${driver} (${declared === undefined ? "no CSIDriver object" : `only supports [${modes.map((mode) => JSON.stringify(mode)).join(" ")}]`})`,
    );
  const publishSecrets = node.secretsOf(
    nodePublishSecretRef === undefined
      ? undefined
      : { ...nodePublishSecretRef, namespace: namespaceOf(place.pod) },
  );
  return {
    driver,
    volumeId: inlineVolumeId(place),
    context: { ...volumeAttributes, ...podInfo(declared, place, true) },
    podUid: uidOf(place.pod),
    name: place.name,
    targetPath: targetPathOf(place),
    use: {
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...(fsType === undefined ? {} : { fsType }),
    },
    readOnly,
    ephemeral: true,
    ...(publishSecrets === undefined ? {} : { publishSecrets }),
  };
}

/** Whether the files of a volume are given to the pod's group, as CSIDriver.spec.fsGroupPolicy. */
export function followsFsGroup(node: NodeVolumes, { driver, use, readOnly }: DriverMount): boolean {
  if (readOnly || use.volumeMode === "Block") return false;
  if (driver === LOCAL_DRIVER) return true;
  const policy = node.csiDrivers.get(driver)?.spec?.fsGroupPolicy ?? "ReadWriteOnceWithFSType";
  if (policy === "None") return false;
  if (policy === "File") return true;
  const isShared = use.accessModes.some((mode) => mode === "ReadWriteMany");
  return (use.fsType ?? "") !== "" && !isShared;
}

const targetPathOf = ({ podDirectory, name }: PodPlace): string =>
  join(podDirectory, "volumes", name);

/** As upstream: of the pod and the volume's name, so that asking again names the same volume. */
function inlineVolumeId({ pod, name }: PodPlace): string {
  const digest = createHash("sha256").update(`${name}${namespaceOf(pod)}${uidOf(pod)}`);
  return `csi-${digest.digest("hex")}`;
}

function podInfo(
  declared: CSIDriver | undefined,
  { pod }: PodPlace,
  isInline: boolean,
): Record<string, string> {
  if (declared?.spec?.podInfoOnMount !== true) return {};
  return {
    "csi.storage.k8s.io/pod.name": pod.metadata.name,
    "csi.storage.k8s.io/pod.namespace": namespaceOf(pod),
    "csi.storage.k8s.io/pod.uid": uidOf(pod),
    "csi.storage.k8s.io/serviceAccount.name": specOf(pod).serviceAccountName ?? "default",
    "csi.storage.k8s.io/ephemeral": String(isInline),
  };
}

/** What the driver said when it attached the volume to this node; undefined for drivers that do not. */
function attachmentContext(
  node: NodeVolumes,
  driver: string,
  { metadata: { name } }: PersistentVolume,
): Readonly<Record<string, string>> | undefined {
  const found = node.drivers.find(driver);
  if (found?.abilities.controller.has("publish") !== true) return undefined;
  if (node.csiDrivers.get(driver)?.spec?.attachRequired === false) return undefined;
  const attachment = node.attachments
    .list()
    .find(
      ({ spec }) =>
        spec?.attacher === driver &&
        spec.nodeName === node.nodeName &&
        spec.source?.persistentVolumeName === name,
    );
  if (attachment?.status?.attached === true) return attachment.status.attachmentMetadata ?? {};
  const problem = attachment?.status?.attachError?.message;
  throw new VolumeError(
    problem === undefined
      ? `volume "${name}" is not attached to node "${node.nodeName}" yet`
      : `AttachVolume.Attach failed for volume "${name}" : ${problem}`,
    { reason: "FailedAttachVolume", isUsual: problem === undefined },
  );
}
