import type {
  DaemonSetUpdateStrategy,
  DaemonSet as UpstreamDaemonSet,
} from "kubernetes-types/apps/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind, PrinterColumn } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, formatLabels, nameColumn, textColumn } from "./columns.ts";
import { isZeroCount, validateShare } from "./count-or-percent.ts";
import { immutable, invalid, nonNegative } from "./field-problems.ts";
import {
  podTemplateDefaults,
  podTemplateWarnings,
  templateColumns,
  validateLongRunning,
  validatePodTemplate,
} from "./pod-template.ts";
import { type Rewrite, rewrite, withDefaults } from "./rewrite.ts";
import { validateWorkloadSelector } from "./selector-rules.ts";

export type DaemonSet = Live<UpstreamDaemonSet>;

const COUNTS = [
  "currentNumberScheduled",
  "numberMisscheduled",
  "desiredNumberScheduled",
  "numberReady",
  "updatedNumberScheduled",
  "numberAvailable",
  "numberUnavailable",
] as const;

function count(
  name: string,
  description: string,
  field: (typeof COUNTS)[number],
): PrinterColumn<DaemonSet> {
  return { name, type: "integer", description, cell: ({ status }) => status?.[field] ?? 0 };
}

export const daemonSets: Kind<DaemonSet> = {
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  singular: "daemonset",
  namespaced: true,
  shortNames: ["ds"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("apps/v1", "DaemonSet");
  },
  columns: [
    nameColumn,
    count("Desired", "Number of nodes that should have a pod.", "desiredNumberScheduled"),
    count("Current", "Number of those that have one.", "currentNumberScheduled"),
    count("Ready", "Number of nodes with a ready pod.", "numberReady"),
    count(
      "Up-to-date",
      "Number of nodes with a pod of the newest template.",
      "updatedNumberScheduled",
    ),
    count("Available", "Number of nodes with an available pod.", "numberAvailable"),
    textColumn("Node Selector", "Which nodes should have a pod.", ({ spec }) =>
      formatLabels(spec?.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...templateColumns,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    default: (set) => rewrite(set, DAEMONSET_DEFAULTS),
    validate: validateDaemonSet,
    validateUpdate: (next, previous) =>
      immutable("spec.selector", next.spec?.selector, previous.spec?.selector),
    validateStatusUpdate: ({ status }) =>
      COUNTS.flatMap((name) => nonNegative(`status.${name}`, status?.[name])),
    warnings: podTemplateWarnings,
  },
};

const DAEMONSET_DEFAULTS: readonly Rewrite[] = [
  [
    "spec.updateStrategy",
    (strategy) =>
      strategy.type === "RollingUpdate" ? withDefaults(strategy, { rollingUpdate: {} }) : strategy,
  ],
  [
    "spec.updateStrategy.rollingUpdate",
    (bounds) => withDefaults(bounds, { maxUnavailable: 1, maxSurge: 0 }),
  ],
  ...podTemplateDefaults,
];

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  return [
    ...validateWorkloadSelector(spec?.selector, spec?.template?.metadata?.labels, "daemonset"),
    ...validatePodTemplate(spec?.template),
    ...validateLongRunning(spec?.template?.spec),
    ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec?.revisionHistoryLimit),
    ...validateUpdateStrategy(spec?.updateStrategy, "spec.updateStrategy.rollingUpdate"),
  ];
}

function validateUpdateStrategy(
  strategy: DaemonSetUpdateStrategy | undefined,
  field: string,
): FieldError[] {
  if ((strategy?.type ?? "RollingUpdate") !== "RollingUpdate") return [];
  const { maxUnavailable = 1, maxSurge = 0 } = strategy?.rollingUpdate ?? {};
  const errors = [
    ...validateShare(`${field}.maxUnavailable`, maxUnavailable),
    ...validateShare(`${field}.maxSurge`, maxSurge),
  ];
  const [noneAway, noneMore] = [isZeroCount(maxUnavailable), isZeroCount(maxSurge)];
  if (noneAway && noneMore)
    errors.push(
      invalid(`${field}.maxUnavailable`, maxUnavailable, "cannot be 0 when maxSurge is 0"),
    );
  if (!noneAway && !noneMore)
    errors.push(
      invalid(`${field}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"),
    );
  return errors;
}
