import type { StorageClass as UpstreamStorageClass } from "kubernetes-types/storage/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain, qualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { forbidden, immutable, invalid, isBlank, required, tooLong } from "./field-problems.ts";
import { validateTopologies } from "./storage/topology.ts";

export type StorageClass = Live<UpstreamStorageClass>;

const DEFAULT_ANNOTATIONS = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];
const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

export const storageClasses: Kind<StorageClass> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  singular: "storageclass",
  namespaced: false,
  shortNames: ["sc"],
  get schema() {
    return builtinSchema("storage.k8s.io/v1", "StorageClass");
  },
  columns: [
    {
      ...nameColumn,
      cell: (object) =>
        isDefaultClass(object) ? `${object.metadata.name} (default)` : object.metadata.name,
    },
    textColumn<StorageClass>(
      "Provisioner",
      "Who makes volumes of the class.",
      ({ provisioner }: Partial<StorageClass>) => provisioner ?? "",
    ),
    textColumn<StorageClass>(
      "ReclaimPolicy",
      "What becomes of a volume after its claim.",
      ({ reclaimPolicy }) => reclaimPolicy ?? "Delete",
    ),
    textColumn<StorageClass>(
      "VolumeBindingMode",
      "When volumes are made.",
      ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate",
    ),
    {
      name: "AllowVolumeExpansion",
      type: "boolean",
      description: "Whether claims may grow.",
      cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateStorageClass,
    validateUpdate: validateStorageClassUpdate,
  },
};

/** Whether claims that name no class get this one. */
export function isDefaultClass({ metadata }: Pick<StorageClass, "metadata">): boolean {
  return DEFAULT_ANNOTATIONS.some((key) => metadata.annotations?.[key] === "true");
}

function validateStorageClass(object: StorageClass): FieldError[] {
  const { provisioner, parameters = {}, allowedTopologies = [] } = object;
  const errors: FieldError[] = [];
  if (isBlank(provisioner)) errors.push(required("provisioner"));
  else {
    const problems = qualifiedName(provisioner.toLowerCase());
    errors.push(...problems.map((detail) => invalid("provisioner", provisioner, detail)));
  }
  const entries = Object.entries(parameters);
  if (entries.length > MAX_PARAMETERS) {
    errors.push(tooLong("parameters", MAX_PARAMETERS));
    return errors;
  }
  if (entries.some(([key]) => key === ""))
    errors.push(invalid("parameters", "", "field can not be empty."));
  const sizeBytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (sizeBytes > MAX_PARAMETER_BYTES) errors.push(tooLong("parameters", MAX_PARAMETER_BYTES));
  return [...errors, ...validateTopologies(allowedTopologies, "allowedTopologies")];
}

/** Everything that shaped the volumes that exist is final. */
function validateStorageClassUpdate(next: StorageClass, previous: StorageClass): FieldError[] {
  const detail = "updates to";
  return [
    ...(immutable("parameters", next.parameters ?? {}, previous.parameters ?? {}).length > 0
      ? [forbidden("parameters", `${detail} parameters are forbidden.`)]
      : []),
    ...(next.provisioner === previous.provisioner
      ? []
      : [forbidden("provisioner", `${detail} provisioner are forbidden.`)]),
    ...(next.reclaimPolicy === previous.reclaimPolicy
      ? []
      : [forbidden("reclaimPolicy", `${detail} reclaimPolicy are forbidden.`)]),
    ...immutable("volumeBindingMode", next.volumeBindingMode, previous.volumeBindingMode),
  ];
}
