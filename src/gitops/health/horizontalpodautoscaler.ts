import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing } from "./health.ts";

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

export function horizontalPodAutoscalerHealth({ status }: Live<HorizontalPodAutoscaler>): Health {
  const conditions = status?.conditions;
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
