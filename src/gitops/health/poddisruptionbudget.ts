import type { PodDisruptionBudget } from "kubernetes-types/policy/v1";
import type { Live } from "../../kube/object.ts";
import { degraded, type Health, HEALTHY } from "./health.ts";

export function podDisruptionBudgetHealth({ status }: Live<PodDisruptionBudget>): Health {
  const failing = (status?.conditions ?? []).find(
    (condition) => condition.status === "False" && condition.reason !== "InsufficientPods",
  );
  return failing === undefined ? HEALTHY : degraded(failing.message);
}
