import type { ReplicationController as UpstreamReplicationController } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { formatLabels, textColumn } from "./columns.ts";
import { nonNegative } from "./field-problems.ts";
import {
  podTemplateDefaults,
  podTemplateWarnings,
  validateLongRunning,
  validatePodTemplate,
} from "./pod-template.ts";
import { type ReplicaSet, replicaSets } from "./replicaset.ts";
import { type Rewrite, rewrite, withDefaults } from "./rewrite.ts";
import { validateWorkloadSelector } from "./selector-rules.ts";

export type ReplicationController = Live<UpstreamReplicationController>;

/** What came before ReplicaSets: the same, but for a selector of plain labels that may change. */
export const replicationControllers: Kind<ReplicationController> = {
  group: "",
  version: "v1",
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  singular: "replicationcontroller",
  namespaced: true,
  shortNames: ["rc"],
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
    return builtinSchema("v1", "ReplicationController");
  },
  columns: [
    ...replicaSets.columns
      .filter(({ name }) => name !== "Selector")
      .map((column) => ({
        ...column,
        cell: (object: ReplicationController, context: { readonly nowMs: number }) =>
          column.cell(asReplicaSet(object), context),
      })),
    textColumn<ReplicationController>(
      "Selector",
      "Labels of the pods that this object owns.",
      ({ spec }) => formatLabels(spec?.selector),
      1,
    ),
  ],
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  strategy: {
    validateName: dns1123Subdomain,
    default: (controller) => rewrite(controller, DEFAULTS),
    validate: validateReplicationController,
    validateStatusUpdate: (next, previous) =>
      replicaSets.strategy.validateStatusUpdate?.(asReplicaSet(next), asReplicaSet(previous)) ?? [],
    warnings: podTemplateWarnings,
  },
};

/** As a ReplicaSet, so that all that is known of those holds for it. It keeps its own kind. */
export function asReplicaSet(controller: ReplicationController): ReplicaSet {
  const { spec, ...rest } = controller;
  if (spec === undefined) return rest;
  const { selector = {}, ...others } = spec;
  return { ...rest, spec: { ...others, selector: { matchLabels: selector } } } as ReplicaSet;
}

const DEFAULTS: readonly Rewrite[] = [
  ["spec", (spec) => withDefaults(spec, { replicas: 1, ...selectorOfTemplate(spec["template"]) })],
  ...podTemplateDefaults,
];

/** Without a selector it has the pods of its template's labels. */
function selectorOfTemplate(template: unknown): { selector?: unknown } {
  const metadata = isObject(template) ? template["metadata"] : undefined;
  const labels = isObject(metadata) ? metadata["labels"] : undefined;
  return labels === undefined ? {} : { selector: labels };
}

function validateReplicationController(controller: ReplicationController): FieldError[] {
  const { spec } = asReplicaSet(controller);
  const labels = spec?.template?.metadata?.labels;
  return [
    ...nonNegative("spec.replicas", spec?.replicas),
    ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
    ...validateWorkloadSelector(spec?.selector, labels, "replicationcontroller"),
    ...validatePodTemplate(spec?.template),
    ...validateLongRunning(spec?.template?.spec),
  ];
}
