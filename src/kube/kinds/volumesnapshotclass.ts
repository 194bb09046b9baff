/** How a driver takes snapshots (`snapshot.storage.k8s.io/v1`). */
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { immutable, requiredText } from "./field-problems.ts";

export interface VolumeSnapshotClass extends KubeObject {
  driver: string;
  deletionPolicy: "Delete" | "Retain";
  parameters?: Readonly<Record<string, string>>;
}

const DEFAULT_ANNOTATION = "snapshot.storage.kubernetes.io/is-default-class";

export const volumeSnapshotClasses: Kind<VolumeSnapshotClass> = {
  group: "snapshot.storage.k8s.io",
  version: "v1",
  kind: "VolumeSnapshotClass",
  plural: "volumesnapshotclasses",
  singular: "volumesnapshotclass",
  namespaced: false,
  shortNames: ["vsclass", "vsclasses"],
  get schema() {
    return builtinSchema("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass");
  },
  columns: [
    nameColumn,
    textColumn<VolumeSnapshotClass>(
      "Driver",
      "Driver that takes the snapshots.",
      ({ driver }: Partial<VolumeSnapshotClass>) => driver ?? "",
    ),
    textColumn<VolumeSnapshotClass>(
      "DeletionPolicy",
      "Whether the data goes with the VolumeSnapshot.",
      ({ deletionPolicy }: Partial<VolumeSnapshotClass>) => deletionPolicy ?? "",
    ),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: ({ driver }) => requiredText("driver", driver),
    // Contents say for themselves what was asked for; the class may move on in all but its driver.
    validateUpdate: (next, previous) => immutable("driver", next.driver, previous.driver),
  },
};

/** Whether snapshots that name no class get this one, of those of their driver. */
export function isDefaultSnapshotClass({
  metadata,
}: Pick<VolumeSnapshotClass, "metadata">): boolean {
  return metadata.annotations?.[DEFAULT_ANNOTATION] === "true";
}
