/** PriorityClass: a name for how important pods are (k8s.io/kubernetes/pkg/apis/scheduling). */
import type { PriorityClass as UpstreamPriorityClass } from "kubernetes-types/scheduling/v1";
import { deepEqual } from "../equality.ts";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { forbidden, immutable, oneOf } from "./field-problems.ts";

export type PriorityClass = Live<UpstreamPriorityClass>;

/** Names that begin so are the cluster's own. */
export const SYSTEM_PRIORITY_PREFIX = "system-";
/** Above it there are only the system's classes. */
const HIGHEST_USER_PRIORITY = 1_000_000_000;
const PREEMPTION_POLICIES = ["Never", "PreemptLowerPriority"];

const systemClass = (name: string, value: number, description: string): PriorityClass => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  globalDefault: false,
  preemptionPolicy: "PreemptLowerPriority",
  description,
});
/** The classes that every cluster has. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  systemClass(
    "system-cluster-critical",
    2_000_000_000,
    "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  ),
  systemClass(
    "system-node-critical",
    2_000_001_000,
    "Used for system critical pods that must not be moved from their current node.",
  ),
];

export const priorityClasses: Kind<PriorityClass> = {
  group: "scheduling.k8s.io",
  version: "v1",
  kind: "PriorityClass",
  plural: "priorityclasses",
  singular: "priorityclass",
  namespaced: false,
  shortNames: ["pc"],
  get schema() {
    return builtinSchema("scheduling.k8s.io/v1", "PriorityClass");
  },
  columns: [
    nameColumn,
    {
      name: "Value",
      type: "integer",
      description: "The priority of pods that name the class.",
      cell: ({ value }: Partial<PriorityClass>) => value ?? 0,
    },
    {
      name: "Global-Default",
      type: "boolean",
      description: "Whether pods that name no class get this one.",
      cell: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    textColumn(
      "PreemptionPolicy",
      "Whether pods of the class may take the place of less important ones.",
      ({ preemptionPolicy }) => preemptionPolicy ?? "PreemptLowerPriority",
    ),
  ],
  strategy: {
    validateName: dns1123Subdomain,
    // What Go decodes where nothing is said.
    default: (object) => ({ ...object, value: object.value ?? 0 }),
    validate: ({ metadata, value, globalDefault, preemptionPolicy }) => [
      ...validateValue(metadata.name, value, globalDefault ?? false),
      ...oneOf("preemptionPolicy", preemptionPolicy, PREEMPTION_POLICIES),
    ],
    validateUpdate: (next, previous) => [
      ...(next.value === previous.value
        ? []
        : [forbidden("value", "may not be changed in an update.")]),
      ...immutable("preemptionPolicy", next.preemptionPolicy, previous.preemptionPolicy),
    ],
  },
};

function validateValue(name: string, value: number, globalDefault: boolean): FieldError[] {
  if (!name.startsWith(SYSTEM_PRIORITY_PREFIX))
    return value > HIGHEST_USER_PRIORITY
      ? [
          forbidden(
            "value",
            `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`,
          ),
        ]
      : [];
  const reserved = `priority class names with '${SYSTEM_PRIORITY_PREFIX}' prefix are reserved for system use only. error: `;
  const known = systemPriorityClasses.find(({ metadata }) => metadata.name === name);
  if (known === undefined)
    return [forbidden("metadata.name", `${reserved}${name} is not a known system priority class`)];
  return deepEqual([known.value, known.globalDefault], [value, globalDefault])
    ? []
    : [
        forbidden(
          "metadata.name",
          `${reserved}value of ${name} PriorityClass must be ${known.value} and globalDefault must be false`,
        ),
      ];
}
