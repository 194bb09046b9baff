import type {
  DeploymentStrategy,
  Deployment as UpstreamDeployment,
} from "kubernetes-types/apps/v1";
import { deepEqual } from "../equality.ts";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { forbidden, immutable, invalid, nonNegative } from "./field-problems.ts";
import {
  podTemplateDefaults,
  podTemplateWarnings,
  templateColumns,
  validateLongRunning,
  validatePodTemplate,
} from "./pod-template.ts";
import { type Rewrite, rewrite, withDefaults } from "./rewrite.ts";
import { validateWorkloadSelector } from "./selector-rules.ts";

export type Deployment = Live<UpstreamDeployment>;

export const deployments: Kind<Deployment> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  singular: "deployment",
  namespaced: true,
  shortNames: ["deploy"],
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
    return builtinSchema("apps/v1", "Deployment");
  },
  columns: [
    nameColumn,
    textColumn(
      "Ready",
      "Number of ready pods of those wanted.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
    ),
    textColumn(
      "Up-to-date",
      "Number of pods that run the newest template.",
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    textColumn(
      "Available",
      "Number of pods that have been ready for minReadySeconds.",
      ({ status }) => status?.availableReplicas ?? 0,
    ),
    ageColumn,
    ...templateColumns,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    prepareForUpdate: dropForeignRollingUpdate,
    default: (deployment) => rewrite(deployment, DEPLOYMENT_DEFAULTS),
    validate: validateDeployment,
    validateUpdate: (next, previous) =>
      immutable("spec.selector", next.spec?.selector, previous.spec?.selector),
    validateStatusUpdate: validateStatus,
    warnings: podTemplateWarnings,
  },
};

/** A quarter of the pods more, a quarter fewer. */
const STRATEGY_DEFAULTS: readonly Rewrite[] = [
  ["spec", (spec) => withDefaults(spec, { strategy: {} })],
  ["spec.strategy", (strategy) => withDefaults(strategy, { type: "RollingUpdate" })],
  [
    "spec.strategy",
    (strategy) =>
      strategy.type === "RollingUpdate" ? withDefaults(strategy, { rollingUpdate: {} }) : strategy,
  ],
  [
    "spec.strategy.rollingUpdate",
    (bounds) => withDefaults(bounds, { maxUnavailable: "25%", maxSurge: "25%" }),
  ],
];

/**
 * Whoever applies `type: Recreate` does not own the rolling-update defaults of before, so apply
 * leaves them in; they go with the type that they belong to.
 */
function dropForeignRollingUpdate(next: Deployment, previous: Deployment): Deployment {
  const strategy = next.spec?.strategy;
  if (next.spec === undefined || strategy?.type !== "Recreate") return next;
  const before = previous.spec?.strategy;
  if (before?.type !== "RollingUpdate") return next;
  if (!deepEqual(strategy.rollingUpdate, before.rollingUpdate)) return next;
  const { rollingUpdate: _, ...rest } = strategy;
  return { ...next, spec: { ...next.spec, strategy: rest } };
}

const DEPLOYMENT_DEFAULTS = [...STRATEGY_DEFAULTS, ...podTemplateDefaults];
const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;
const PERCENT = /^\d+%$/;

function validateDeployment({ spec }: Deployment): FieldError[] {
  const labels = spec?.template?.metadata?.labels;
  const errors = [
    ...nonNegative("spec.replicas", spec?.replicas),
    ...validateWorkloadSelector(spec?.selector, labels, "deployment"),
    ...validatePodTemplate(spec?.template),
    ...validateLongRunning(spec?.template?.spec),
    ...validateStrategy(spec?.strategy, "spec.strategy"),
    ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec?.revisionHistoryLimit),
  ];
  const deadline = spec?.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS;
  const field = "spec.progressDeadlineSeconds";
  errors.push(...nonNegative(field, deadline));
  if (deadline <= (spec?.minReadySeconds ?? 0)) {
    errors.push(invalid(field, deadline, "must be greater than minReadySeconds"));
  }
  return errors;
}

function validateStrategy(strategy: DeploymentStrategy | undefined, field: string): FieldError[] {
  const type = strategy?.type ?? "RollingUpdate";
  const rolling = strategy?.rollingUpdate;
  if (type === "Recreate") {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return rolling === undefined ? [] : [forbidden(`${field}.rollingUpdate`, detail)];
  }
  const maxUnavailable = rolling?.maxUnavailable ?? "25%";
  const maxSurge = rolling?.maxSurge ?? "25%";
  const path = `${field}.rollingUpdate`;
  const errors = [
    ...validateCountOrPercent(`${path}.maxUnavailable`, maxUnavailable),
    ...validateCountOrPercent(`${path}.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    const detail = "may not be 0 when `maxSurge` is 0";
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, detail));
  }
  if (typeof maxUnavailable === "string" && Number.parseInt(maxUnavailable, 10) > 100) {
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, "must not be greater than 100%"));
  }
  return errors;
}

function validateCountOrPercent(field: string, value: number | string): FieldError[] {
  if (typeof value === "number") return nonNegative(field, value);
  return PERCENT.test(value)
    ? []
    : [invalid(field, value, "must be a number of pods (e.g. 1) or a percentage (e.g. '25%')")];
}

function isZero(value: number | string): boolean {
  return value === 0 || value === "0%";
}

function validateStatus({ status }: Deployment): FieldError[] {
  if (status === undefined) return [];
  const names = [
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
  ] as const;
  const errors = names.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const total = status.replicas ?? 0;
  for (const name of ["updatedReplicas", "readyReplicas", "availableReplicas"] as const) {
    const count = status[name] ?? 0;
    if (count > total) {
      errors.push(invalid(`status.${name}`, count, "cannot be greater than status.replicas"));
    }
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    const detail = "cannot be greater than readyReplicas";
    errors.push(invalid("status.availableReplicas", status.availableReplicas, detail));
  }
  return errors;
}
