import type { PodDisruptionBudget as UpstreamPodDisruptionBudget } from "kubernetes-types/policy/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { validateShare } from "./count-or-percent.ts";
import { invalid, nonNegative } from "./field-problems.ts";
import { validateLabelSelector } from "./selector-rules.ts";

/** The numbers of a status are missing until the controller has looked at the budget. */
export type PodDisruptionBudget = Omit<Live<UpstreamPodDisruptionBudget>, "status"> & {
  status?: Partial<NonNullable<UpstreamPodDisruptionBudget["status"]>>;
};
export type PodDisruptionBudgetStatus = NonNullable<PodDisruptionBudget["status"]>;

/** What upstream's printer writes for the bound that is not set. */
const NOT_SET = "N/A";

export const podDisruptionBudgets: Kind<PodDisruptionBudget> = {
  group: "policy",
  version: "v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
  singular: "poddisruptionbudget",
  namespaced: true,
  shortNames: ["pdb"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("policy/v1", "PodDisruptionBudget");
  },
  columns: [
    nameColumn,
    textColumn("Min Available", "Pods that must stay available.", ({ spec }) =>
      String(spec?.minAvailable ?? NOT_SET),
    ),
    textColumn("Max Unavailable", "Pods that may be unavailable.", ({ spec }) =>
      String(spec?.maxUnavailable ?? NOT_SET),
    ),
    {
      name: "Allowed Disruptions",
      type: "integer",
      description: "Pods that may be evicted now.",
      cell: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateBudget,
    validateStatusUpdate: validateStatus,
    warnings: warningsOf,
    allowUnconditionalUpdate: false,
  },
};

function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector } = spec ?? {};
  const errors = validateLabelSelector(selector, "spec.selector");
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    errors.push(
      invalid(
        "spec",
        { minAvailable, maxUnavailable },
        "minAvailable and maxUnavailable cannot be both set",
      ),
    );
  if (minAvailable !== undefined) errors.push(...validateShare("spec.minAvailable", minAvailable));
  if (maxUnavailable !== undefined)
    errors.push(...validateShare("spec.maxUnavailable", maxUnavailable));
  return errors;
}

function validateStatus({ status }: PodDisruptionBudget): FieldError[] {
  const counts = [
    "disruptionsAllowed",
    "currentHealthy",
    "desiredHealthy",
    "expectedPods",
  ] as const;
  return counts.flatMap((name) => nonNegative(`status.${name}`, status?.[name]));
}

/** Upstream takes both silently, although hardly anybody means what they do. */
function warningsOf({ spec }: PodDisruptionBudget): string[] {
  const warnings: string[] = [];
  if (spec?.minAvailable === undefined && spec?.maxUnavailable === undefined)
    warnings.push(
      "spec: neither minAvailable nor maxUnavailable is set, so no pod that it selects can be evicted",
    );
  if (spec?.selector === undefined)
    warnings.push("spec.selector: not set, so it selects no pods; {} selects all of the namespace");
  return warnings;
}
