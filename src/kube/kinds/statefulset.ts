import type { StatefulSet as UpstreamStatefulSet } from "kubernetes-types/apps/v1";
import { deepEqual } from "../equality.ts";
import type { Kind } from "../kind.ts";
import { dns1123Label } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { podTemplateDefaults, podTemplateWarnings, templateColumns } from "./pod-template.ts";
import { type Rewrite, rewrite, withDefaults } from "./rewrite.ts";
import {
  validateStatefulSet,
  validateStatefulSetStatus,
  validateStatefulSetUpdate,
} from "./statefulset/validate-statefulset.ts";

export type StatefulSet = Live<UpstreamStatefulSet>;

export const statefulSets: Kind<StatefulSet> = {
  group: "apps",
  version: "v1",
  kind: "StatefulSet",
  plural: "statefulsets",
  singular: "statefulset",
  namespaced: true,
  shortNames: ["sts"],
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
    return builtinSchema("apps/v1", "StatefulSet");
  },
  columns: [
    nameColumn,
    textColumn(
      "Ready",
      "Number of ready pods of those wanted.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
    ),
    ageColumn,
    ...templateColumns.filter(({ name }) => name !== "Selector"),
  ],
  strategy: {
    // Pods have it in their host names.
    validateName: dns1123Label,
    prepareForUpdate: dropForeignRollingUpdate,
    default: (set) => rewrite(set, STATEFULSET_DEFAULTS),
    validate: validateStatefulSet,
    validateUpdate: validateStatefulSetUpdate,
    validateStatusUpdate: validateStatefulSetStatus,
    warnings: podTemplateWarnings,
  },
};

const STATEFULSET_DEFAULTS: readonly Rewrite[] = [
  [
    "spec.updateStrategy",
    (strategy) =>
      strategy.type === "RollingUpdate" ? withDefaults(strategy, { rollingUpdate: {} }) : strategy,
  ],
  ["spec.updateStrategy.rollingUpdate", (rolling) => withDefaults(rolling, { partition: 0 })],
  ...podTemplateDefaults,
];

/**
 * Whoever applies `type: OnDelete` does not own the rolling-update defaults of before, so apply
 * leaves them in; they go with the type that they belong to.
 */
function dropForeignRollingUpdate(next: StatefulSet, previous: StatefulSet): StatefulSet {
  const strategy = next.spec?.updateStrategy;
  const before = previous.spec?.updateStrategy;
  if (next.spec === undefined || strategy?.type !== "OnDelete") return next;
  if (before?.type !== "RollingUpdate") return next;
  if (!deepEqual(strategy.rollingUpdate, before.rollingUpdate)) return next;
  const { rollingUpdate: _, ...rest } = strategy;
  return { ...next, spec: { ...next.spec, updateStrategy: rest } };
}
