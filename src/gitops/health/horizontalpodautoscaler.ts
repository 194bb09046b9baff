import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2";
import type { Live } from "../../kube/object.ts";
import {
  conditionOf,
  degraded,
  type Health,
  HEALTHY,
  progressing,
  type StatusCondition,
} from "./health.ts";

const FAILED = new Set([
  "FailedGetScale",
  "FailedUpdateScale",
  "FailedGetResourceMetric",
  "FailedGetObjectMetric",
  "FailedGetPodsMetric",
  "FailedGetExternalMetric",
  "FailedComputeMetricsReplicas",
  "InvalidSelector",
]);

/** Where `autoscaling/v1` keeps its conditions, as JSON. */
const V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";

export function horizontalPodAutoscalerHealth({
  metadata,
  status,
}: Live<HorizontalPodAutoscaler>): Health {
  const conditions = status?.conditions ?? v1Conditions(metadata.annotations?.[V1_CONDITIONS]);
  for (const type of ["AbleToScale", "ScalingActive"]) {
    const condition = conditionOf(conditions, type);
    if (FAILED.has(condition?.reason ?? ""))
      return degraded(condition?.message ?? condition?.reason ?? type);
  }
  const works = ["AbleToScale", "ScalingLimited"].some(
    (type) => conditionOf(conditions, type)?.status === "True",
  );
  return works ? HEALTHY : progressing("waiting for the autoscaler");
}

/** Anything but a list of conditions is none: whoever may write the annotation may write anything. */
function v1Conditions(text: string | undefined): readonly StatusCondition[] {
  if (text === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter(isCondition) : [];
  } catch {
    return [];
  }
}

function isCondition(value: unknown): value is StatusCondition {
  const { type, status } = (value ?? {}) as Record<string, unknown>;
  return typeof type === "string" && typeof status === "string";
}
