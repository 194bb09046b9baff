import type { CSIStorageCapacity as UpstreamCSIStorageCapacity } from "kubernetes-types/storage/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { nameColumn, textColumn } from "./columns.ts";
import { immutable, requiredName } from "./field-problems.ts";
import { validateAmount } from "./pod-spec/resources.ts";
import { validateLabelSelector } from "./selector-rules.ts";

export type CSIStorageCapacity = Live<UpstreamCSIStorageCapacity>;

export const csiStorageCapacities: Kind<CSIStorageCapacity> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIStorageCapacity",
  plural: "csistoragecapacities",
  singular: "csistoragecapacity",
  namespaced: true,
  get schema() {
    return builtinSchema("storage.k8s.io/v1", "CSIStorageCapacity");
  },
  columns: [
    nameColumn,
    textColumn<CSIStorageCapacity>(
      "StorageClass",
      "Class that the capacity is for.",
      ({ storageClassName }: Partial<CSIStorageCapacity>) => storageClassName ?? "",
    ),
    textColumn<CSIStorageCapacity>(
      "Capacity",
      "What is left.",
      ({ capacity }) => capacity ?? "<unset>",
    ),
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateCapacity,
    validateUpdate: (next, previous) => [
      ...immutable("nodeTopology", next.nodeTopology, previous.nodeTopology),
      ...immutable("storageClassName", next.storageClassName, previous.storageClassName),
    ],
  },
};

function validateCapacity(object: CSIStorageCapacity): FieldError[] {
  const { nodeTopology, storageClassName, capacity, maximumVolumeSize } = object;
  return [
    ...requiredName("storageClassName", storageClassName, dns1123Subdomain),
    ...(nodeTopology === undefined ? [] : validateLabelSelector(nodeTopology, "nodeTopology")),
    ...(capacity === undefined ? [] : validateAmount("capacity", capacity)),
    ...(maximumVolumeSize === undefined
      ? []
      : validateAmount("maximumVolumeSize", maximumVolumeSize)),
  ];
}
