import type { CSINodeDriver, CSINode as UpstreamCSINode } from "kubernetes-types/storage/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain, qualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import {
  duplicate,
  duplicates,
  immutable,
  named,
  nonNegative,
  requiredName,
  requiredText,
  tooLong,
} from "./field-problems.ts";

export type CSINode = Live<UpstreamCSINode>;

/** CSI drivers may use 256 bytes since 1.4 of their specification (192 before). */
const MAX_NODE_ID_BYTES = 256;

export const csiNodes: Kind<CSINode> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSINode",
  plural: "csinodes",
  singular: "csinode",
  namespaced: false,
  get schema() {
    return builtinSchema("storage.k8s.io/v1", "CSINode");
  },
  columns: [
    nameColumn,
    {
      name: "Drivers",
      type: "integer",
      description: "Number of drivers on the node.",
      cell: ({ spec }: Partial<CSINode>) => spec?.drivers?.length ?? 0,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateNode,
    validateUpdate: (next, previous) =>
      next.spec.drivers.flatMap((driver, index) => {
        const before = previous.spec.drivers.find(({ name }) => name === driver.name);
        const { allocatable: _, ...fixed } = driver;
        if (before === undefined) return [];
        const { allocatable: __, ...was } = before;
        return immutable(`spec.drivers[${index}]`, fixed, was);
      }),
  },
};

function validateNode({ spec }: CSINode): FieldError[] {
  return [
    ...spec.drivers.flatMap((driver, index) => validateDriver(driver, `spec.drivers[${index}]`)),
    ...duplicates(
      spec.drivers,
      ({ name }) => name,
      (index, name) => duplicate(`spec.drivers[${index}].name`, name),
    ),
  ];
}

function validateDriver(driver: CSINodeDriver, field: string): FieldError[] {
  const keys = driver.topologyKeys ?? [];
  return [
    ...requiredName(`${field}.name`, driver.name, (name) => dns1123Subdomain(name.toLowerCase())),
    ...requiredText(`${field}.nodeID`, driver.nodeID),
    ...(driver.nodeID.length > MAX_NODE_ID_BYTES
      ? [tooLong(`${field}.nodeID`, MAX_NODE_ID_BYTES)]
      : []),
    ...nonNegative(`${field}.allocatable.count`, driver.allocatable?.count),
    ...keys.flatMap((key, index) =>
      keys.indexOf(key) < index
        ? [duplicate(`${field}.topologyKeys[${index}]`, key)]
        : named(`${field}.topologyKeys[${index}]`, key, qualifiedName),
    ),
  ];
}
