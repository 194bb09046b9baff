/** Claims, volumes and classes as tests write them. */
import type { Client } from "../../../src/client/client.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import type { PersistentVolume } from "../../../src/kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import type { StorageClass } from "../../../src/kube/kinds/storageclass.ts";

type ClaimSpec = NonNullable<PersistentVolumeClaim["spec"]>;
type VolumeSpec = NonNullable<PersistentVolume["spec"]>;

export function claim(
  name: string,
  size = "1Gi",
  spec: Partial<ClaimSpec> = {},
): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "default", name },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: size } }, ...spec },
  };
}

export function volume(
  name: string,
  size = "1Gi",
  spec: Partial<VolumeSpec> = {},
  metadata: Partial<PersistentVolume["metadata"]> = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, ...metadata },
    spec: {
      capacity: { storage: size },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: `/srv/${name}` },
      ...spec,
    },
  };
}

export function storageClass(
  name: string,
  rest: Partial<StorageClass> = {},
  isDefault = false,
): StorageClass {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    provisioner: "example.com/disks",
    ...rest,
    metadata: {
      name,
      annotations: isDefault ? { "storageclass.kubernetes.io/is-default-class": "true" } : {},
    },
  };
}

export function podWithClaim(name: string, claimName: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name },
    spec: {
      containers: [
        { name: "main", image: "app:1", volumeMounts: [{ name: "data", mountPath: "/data" }] },
      ],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName } }],
    },
  };
}

/** `Reason: message` of each Event about an object. */
export async function told(client: Client, name: string): Promise<string[]> {
  const { items } = await client.list(events);
  return items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason = "", message = "" }) => `${reason}: ${message}`);
}
