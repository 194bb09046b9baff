import type { PersistentVolumeClaim as UpstreamPersistentVolumeClaim } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { formatAccessModes } from "./storage/access-modes.ts";
import { storageClassNameOf } from "./storage/class-name.ts";
import { withDataSources } from "./storage/data-source.ts";
import {
  validateClaim,
  validateClaimStatusUpdate,
  validateClaimUpdate,
} from "./storage/validate-claim.ts";

export type PersistentVolumeClaim = Live<UpstreamPersistentVolumeClaim>;

const UNSET = "<unset>";
const WIDE = 1;

export const persistentVolumeClaims: Kind<PersistentVolumeClaim> = {
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  singular: "persistentvolumeclaim",
  namespaced: true,
  shortNames: ["pvc"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "PersistentVolumeClaim");
  },
  columns: [
    nameColumn,
    textColumn("Status", "Whether it has a volume.", ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
    ),
    textColumn("Volume", "Volume that it has.", ({ spec }) => spec?.volumeName ?? ""),
    textColumn("Capacity", "Size of that volume.", ({ spec, status }) =>
      (spec?.volumeName ?? "") === "" ? "" : (status?.capacity?.["storage"] ?? "0"),
    ),
    textColumn("Access Modes", "How that volume may be mounted.", ({ spec, status }) =>
      (spec?.volumeName ?? "") === "" ? "" : formatAccessModes(status?.accessModes),
    ),
    textColumn("StorageClass", "Class of the claim.", (claim) => storageClassNameOf(claim) ?? ""),
    textColumn(
      "VolumeAttributesClass",
      "Class of changeable attributes.",
      ({ spec }) => spec?.volumeAttributesClassName ?? UNSET,
    ),
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
    prepareForCreate: withDataSources,
    validate: ({ spec }) => validateClaim(spec, "spec"),
    validateUpdate: validateClaimUpdate,
    validateStatusUpdate: validateClaimStatusUpdate,
  },
};
