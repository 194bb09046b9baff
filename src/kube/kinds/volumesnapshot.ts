/** A picture of a volume (`snapshot.storage.k8s.io/v1`), as the CRDs of kubernetes-csi define it. */
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { invalid, isBlank } from "./field-problems.ts";
import { ageSince } from "./human-duration.ts";
import { validateFinalSource, validateOneSource } from "./snapshot/source-rules.ts";

export interface VolumeSnapshot extends KubeObject {
  spec: VolumeSnapshotSpec;
  status?: VolumeSnapshotStatus;
}
/** Exactly one of the names in `source` is set. */
export interface VolumeSnapshotSpec {
  source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string };
  volumeSnapshotClassName?: string;
}
export interface VolumeSnapshotStatus {
  boundVolumeSnapshotContentName?: string;
  /** RFC 3339. */
  creationTime?: string;
  readyToUse?: boolean;
  /** A quantity. */
  restoreSize?: string;
  error?: VolumeSnapshotError;
  volumeGroupSnapshotName?: string;
}
export interface VolumeSnapshotError {
  /** RFC 3339. */
  time?: string;
  message?: string;
}

const SOURCES = ["persistentVolumeClaimName", "volumeSnapshotContentName"] as const;

export const volumeSnapshots: Kind<VolumeSnapshot> = {
  group: "snapshot.storage.k8s.io",
  version: "v1",
  kind: "VolumeSnapshot",
  plural: "volumesnapshots",
  singular: "volumesnapshot",
  namespaced: true,
  shortNames: ["vs"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("snapshot.storage.k8s.io/v1", "VolumeSnapshot");
  },
  columns: [
    nameColumn,
    textColumn<VolumeSnapshot>("ReadyToUse", "Whether volumes can be made from it.", ({ status }) =>
      String(status?.readyToUse ?? ""),
    ),
    textColumn<VolumeSnapshot>(
      "SourcePVC",
      "Claim that it was taken of.",
      ({ spec }: Partial<VolumeSnapshot>) => spec?.source.persistentVolumeClaimName ?? "",
    ),
    textColumn<VolumeSnapshot>(
      "SourceSnapshotContent",
      "Content that it stands for.",
      ({ spec }: Partial<VolumeSnapshot>) => spec?.source.volumeSnapshotContentName ?? "",
    ),
    textColumn<VolumeSnapshot>(
      "RestoreSize",
      "Least size of a volume made from it.",
      ({ status }) => status?.restoreSize ?? "",
    ),
    textColumn<VolumeSnapshot>(
      "SnapshotClass",
      "Class of the snapshot.",
      ({ spec }: Partial<VolumeSnapshot>) => spec?.volumeSnapshotClassName ?? "",
    ),
    textColumn<VolumeSnapshot>(
      "SnapshotContent",
      "Content that it is bound to.",
      ({ status }) => status?.boundVolumeSnapshotContentName ?? "",
    ),
    textColumn<VolumeSnapshot>(
      "CreationTime",
      "Time since the moment that it shows.",
      ({ status }, { nowMs }) =>
        status?.creationTime === undefined ? "" : ageSince(status.creationTime, nowMs),
    ),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: ({ spec }) => [
      ...validateOneSource(spec.source, SOURCES),
      ...validateClassName(spec.volumeSnapshotClassName),
    ],
    validateUpdate: (next, previous) =>
      validateFinalSource(next.spec.source, previous.spec.source, SOURCES),
  },
};

function validateClassName(name: string | undefined): FieldError[] {
  return name !== undefined && isBlank(name)
    ? [invalid("spec.volumeSnapshotClassName", name, "must not be the empty string when set")]
    : [];
}
