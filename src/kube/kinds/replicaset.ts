import type { ReplicaSet as UpstreamReplicaSet } from "kubernetes-types/apps/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import { immutable, invalid, nonNegative } from "./field-problems.ts";
import {
  podTemplateDefaults,
  podTemplateWarnings,
  templateColumns,
  validateLongRunning,
  validatePodTemplate,
} from "./pod-template.ts";
import { rewrite } from "./rewrite.ts";
import { validateWorkloadSelector } from "./selector-rules.ts";

export type ReplicaSet = Live<UpstreamReplicaSet>;

export const replicaSets: Kind<ReplicaSet> = {
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  singular: "replicaset",
  namespaced: true,
  shortNames: ["rs"],
  categories: ["all"],
  subresources: {
    status: true,
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      labelSelectorPath: ".spec.selector",
    },
  },
  get schema() {
    return builtinSchema("apps/v1", "ReplicaSet");
  },
  columns: [
    nameColumn,
    {
      name: "Desired",
      type: "integer",
      description: "Number of pods that should exist.",
      cell: ({ spec }) => spec?.replicas ?? 1,
    },
    {
      name: "Current",
      type: "integer",
      description: "Number of pods that exist.",
      cell: ({ status }) => status?.replicas ?? 0,
    },
    {
      name: "Ready",
      type: "integer",
      description: "Number of pods that are ready.",
      cell: ({ status }) => status?.readyReplicas ?? 0,
    },
    ageColumn,
    ...templateColumns,
  ],
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  strategy: {
    validateName: dns1123Subdomain,
    default: (replicaSet) => rewrite(replicaSet, podTemplateDefaults),
    validate: validateReplicaSet,
    validateUpdate: (next, previous) =>
      immutable("spec.selector", next.spec?.selector, previous.spec?.selector),
    validateStatusUpdate: ({ status }) => [
      ...nonNegative("status.replicas", status?.replicas),
      ...atMostReplicas("fullyLabeledReplicas", status),
      ...atMostReplicas("readyReplicas", status),
      ...atMostReplicas("availableReplicas", status),
      ...nonNegative("status.observedGeneration", status?.observedGeneration),
    ],
    warnings: podTemplateWarnings,
  },
};

function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  const labels = spec?.template?.metadata?.labels;
  return [
    ...nonNegative("spec.replicas", spec?.replicas),
    ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
    ...validateWorkloadSelector(spec?.selector, labels, "replicaset"),
    ...validatePodTemplate(spec?.template),
    ...validateLongRunning(spec?.template?.spec),
  ];
}

function atMostReplicas(
  name: "fullyLabeledReplicas" | "readyReplicas" | "availableReplicas",
  status: ReplicaSet["status"],
): FieldError[] {
  const count = status?.[name];
  const field = `status.${name}`;
  return count !== undefined && count > (status?.replicas ?? 0)
    ? [invalid(field, count, "cannot be greater than status.replicas")]
    : nonNegative(field, count);
}
