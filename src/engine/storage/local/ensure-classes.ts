/** The classes that a cluster without any gets, so that claims work as they are. */
import type { Client } from "../../../client/client.ts";
import type { Resource } from "../../../kube/kind.ts";
import { type StorageClass, storageClasses } from "../../../kube/kinds/storageclass.ts";
import {
  type VolumeSnapshotClass,
  volumeSnapshotClasses,
} from "../../../kube/kinds/volumesnapshotclass.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { LOCAL_DRIVER } from "../driver-volume.ts";

const NAME = "standard";

const storageClass: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: {
    name: NAME,
    annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
  },
  provisioner: LOCAL_DRIVER,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
  allowVolumeExpansion: true,
};
const snapshotClass: VolumeSnapshotClass = {
  apiVersion: "snapshot.storage.k8s.io/v1",
  kind: "VolumeSnapshotClass",
  metadata: {
    name: NAME,
    annotations: { "snapshot.storage.kubernetes.io/is-default-class": "true" },
  },
  driver: LOCAL_DRIVER,
  deletionPolicy: "Delete",
};

/** Who has a class of their own, and deleted ours, does not get it back. */
export async function ensureClasses(client: Client): Promise<void> {
  await ensure(client, storageClasses, storageClass);
  await ensure(client, volumeSnapshotClasses, snapshotClass);
}

async function ensure<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  const { items } = await client.list(resource, { limit: 1 });
  if (items.length > 0) return;
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}
