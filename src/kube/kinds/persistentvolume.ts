import type { PersistentVolume as UpstreamPersistentVolume } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { formatAccessModes } from "./storage/access-modes.ts";
import { storageClassNameOf } from "./storage/class-name.ts";
import { validateVolume, validateVolumeUpdate } from "./storage/validate-volume.ts";

export type PersistentVolume = Live<UpstreamPersistentVolume>;

const UNSET = "<unset>";
const WIDE = 1;

export const persistentVolumes: Kind<PersistentVolume> = {
  group: "",
  version: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  singular: "persistentvolume",
  namespaced: false,
  shortNames: ["pv"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "PersistentVolume");
  },
  columns: [
    nameColumn,
    textColumn("Capacity", "Size of the volume.", ({ spec }) => spec?.capacity?.["storage"] ?? "0"),
    textColumn("Access Modes", "How it may be mounted.", ({ spec }) =>
      formatAccessModes(spec?.accessModes),
    ),
    textColumn(
      "Reclaim Policy",
      "What becomes of it after its claim.",
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? "",
    ),
    textColumn("Status", "Whether it is free, bound or released.", ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
    ),
    textColumn("Claim", "Claim that has it.", ({ spec }) =>
      spec?.claimRef === undefined
        ? ""
        : `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}`,
    ),
    textColumn(
      "StorageClass",
      "Class of the volume.",
      (volume) => storageClassNameOf(volume) ?? "",
    ),
    textColumn(
      "VolumeAttributesClass",
      "Class of its changeable attributes.",
      ({ spec }) => spec?.volumeAttributesClassName ?? UNSET,
    ),
    textColumn("Reason", "Why it failed.", ({ status }) => status?.reason ?? ""),
    ageColumn,
    textColumn(
      "VolumeMode",
      "Whether it is a file system or a block device.",
      ({ spec }) => spec?.volumeMode ?? UNSET,
      WIDE,
    ),
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateVolume,
    validateUpdate: validateVolumeUpdate,
  },
};
