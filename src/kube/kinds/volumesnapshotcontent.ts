/** A snapshot as its driver knows it (`snapshot.storage.k8s.io/v1`). */
import type { ObjectReference } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { immutable, invalid, isBlank, requiredText } from "./field-problems.ts";
import { validateFinalSource, validateOneSource } from "./snapshot/source-rules.ts";
import type { VolumeSnapshotError } from "./volumesnapshot.ts";

export interface VolumeSnapshotContent extends KubeObject {
  spec: VolumeSnapshotContentSpec;
  status?: VolumeSnapshotContentStatus;
}
/** Exactly one of the handles in `source` is set. */
export interface VolumeSnapshotContentSpec {
  deletionPolicy: "Delete" | "Retain";
  driver: string;
  source: { snapshotHandle?: string; volumeHandle?: string };
  sourceVolumeMode?: string;
  volumeSnapshotClassName?: string;
  volumeSnapshotRef: ObjectReference;
}
export interface VolumeSnapshotContentStatus {
  /** Nanoseconds since 1970. */
  creationTime?: number;
  readyToUse?: boolean;
  /** Bytes. */
  restoreSize?: number;
  snapshotHandle?: string;
  error?: VolumeSnapshotError;
  volumeGroupSnapshotHandle?: string;
}

const SOURCES = ["volumeHandle", "snapshotHandle"] as const;
type Content = Partial<VolumeSnapshotContent>;

export const volumeSnapshotContents: Kind<VolumeSnapshotContent> = {
  group: "snapshot.storage.k8s.io",
  version: "v1",
  kind: "VolumeSnapshotContent",
  plural: "volumesnapshotcontents",
  singular: "volumesnapshotcontent",
  namespaced: false,
  shortNames: ["vsc", "vscs"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent");
  },
  columns: [
    nameColumn,
    text("ReadyToUse", "Whether volumes can be made from it.", ({ status }) =>
      String(status?.readyToUse ?? ""),
    ),
    text("RestoreSize", "Least size in bytes of a volume made from it.", ({ status }) =>
      String(status?.restoreSize ?? ""),
    ),
    text("DeletionPolicy", "Whether the data goes, too.", ({ spec }) => spec?.deletionPolicy),
    text("Driver", "Driver that holds it.", ({ spec }) => spec?.driver),
    text("VolumeSnapshotClass", "Its class.", ({ spec }) => spec?.volumeSnapshotClassName),
    text("VolumeSnapshot", "What it is bound to.", ({ spec }) => spec?.volumeSnapshotRef.name),
    text(
      "VolumeSnapshotNamespace",
      "Namespace of what it is bound to.",
      ({ spec }) => spec?.volumeSnapshotRef.namespace,
    ),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateContent,
    validateUpdate: (next, previous) => [
      ...validateFinalSource(next.spec.source, previous.spec.source, SOURCES),
      ...(previous.spec.sourceVolumeMode === undefined
        ? []
        : immutable(
            "spec.sourceVolumeMode",
            next.spec.sourceVolumeMode,
            previous.spec.sourceVolumeMode,
          )),
    ],
  },
};

function text(name: string, description: string, read: (content: Content) => string | undefined) {
  return textColumn<VolumeSnapshotContent>(name, description, (content) => read(content) ?? "");
}

function validateContent({ spec }: VolumeSnapshotContent): FieldError[] {
  const { name, namespace } = spec.volumeSnapshotRef;
  return [
    ...requiredText("spec.driver", spec.driver),
    ...validateOneSource(spec.source, SOURCES),
    ...(isBlank(name) || isBlank(namespace)
      ? [
          invalid(
            "spec.volumeSnapshotRef",
            spec.volumeSnapshotRef,
            "both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set",
          ),
        ]
      : []),
  ];
}
