/** The VolumeAttachment of a volume on a node. Pure. */
import { createHash } from "node:crypto";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { VolumeAttachment } from "../../../kube/kinds/volumeattachment.ts";

/** Keeps a VolumeAttachment until the driver has detached. */
export function attachmentFinalizer(driver: string): string {
  return `external-attacher/${driver.replaceAll(".", "-")}`;
}

/** As upstream: it follows from what is attached where, so that asking twice is asking once. */
export function attachmentName(handle: string, driver: string, node: string): string {
  return `csi-${createHash("sha256").update(`${handle}${driver}${node}`).digest("hex")}`;
}

/** The attachment of a CSI volume to a node. */
export function attachmentOf(
  { metadata, spec }: PersistentVolume,
  nodeName: string,
): VolumeAttachment {
  const { driver = "", volumeHandle = "" } = spec?.csi ?? {};
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: {
      name: attachmentName(volumeHandle, driver, nodeName),
      finalizers: [attachmentFinalizer(driver)],
    },
    spec: { attacher: driver, nodeName, source: { persistentVolumeName: metadata.name } },
  };
}

/** Whether the volume can be on one node only. */
export function isForOneNode({ spec }: PersistentVolume): boolean {
  return (spec?.accessModes ?? []).every(
    (mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod",
  );
}
