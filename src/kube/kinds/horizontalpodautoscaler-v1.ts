import type { HorizontalPodAutoscaler as UpstreamAutoscaler } from "kubernetes-types/autoscaling/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { horizontalPodAutoscalers } from "./horizontalpodautoscaler.ts";
import {
  autoscalerAsV1,
  autoscalerFromV1,
  OTHER_METRICS,
} from "./horizontalpodautoscaler/between-versions.ts";
import { validateAutoscaler } from "./horizontalpodautoscaler/validate-autoscaler.ts";
import { withDefaults, rewrite } from "./rewrite.ts";

type AutoscalerV1 = Live<UpstreamAutoscaler>;

/** What autoscaling/v1 wants where no other metric is carried along. */
const DEFAULT_CPU_PERCENT = { targetCPUUtilizationPercentage: 80 };

/** The older view of {@link horizontalPodAutoscalers}: what `kubectl autoscale` sends. */
export const horizontalPodAutoscalersV1: Kind<AutoscalerV1> = {
  group: "autoscaling",
  version: "v1",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  singular: "horizontalpodautoscaler",
  namespaced: true,
  shortNames: ["hpa"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("autoscaling/v1", "HorizontalPodAutoscaler");
  },
  columns: horizontalPodAutoscalers.columns.map((column) => ({
    ...column,
    cell: (autoscaler, context) => column.cell(autoscalerFromV1(autoscaler), context),
  })),
  storedAs: {
    version: "v2",
    fromStorage: autoscalerAsV1,
    toStorage: autoscalerFromV1,
  },
  strategy: {
    validateName: horizontalPodAutoscalers.strategy.validateName,
    default: (autoscaler) =>
      Object.keys(autoscaler.metadata.annotations ?? {}).includes(OTHER_METRICS)
        ? autoscaler
        : rewrite(autoscaler, [["spec", (spec) => withDefaults(spec, DEFAULT_CPU_PERCENT)]]),
    validate: validateV1,
  },
};

function validateV1(autoscaler: AutoscalerV1): FieldError[] {
  const { spec } = autoscalerFromV1(autoscaler);
  return validateAutoscaler(spec === undefined ? {} : { spec }).map((error) =>
    error.field === "spec.metrics[0].resource.target.averageUtilization"
      ? { ...error, field: "spec.targetCPUUtilizationPercentage" }
      : error,
  );
}
