/** The condition of a PodDisruptionBudget that says whether a pod may go now. */
import { setCondition } from "../../conditions.ts";
import type { PodDisruptionBudgetStatus } from "../poddisruptionbudget.ts";

export const DISRUPTION_ALLOWED = "DisruptionAllowed";
/** The reason while the number of pods to expect cannot be told. */
export const SYNC_FAILED = "SyncFailed";

/** The status with its condition as its numbers say. */
export function withDisruptionAllowed(
  status: PodDisruptionBudgetStatus,
  nowIso: string,
): PodDisruptionBudgetStatus {
  const allowed = (status.disruptionsAllowed ?? 0) > 0;
  return withCondition(
    status,
    { allowed, reason: allowed ? "SufficientPods" : "InsufficientPods", message: "" },
    nowIso,
  );
}

/** The status of a budget that cannot be reckoned: nothing may go, and why. */
export function withSyncFailure(
  status: PodDisruptionBudgetStatus,
  message: string,
  nowIso: string,
): PodDisruptionBudgetStatus {
  const condition = { allowed: false, reason: SYNC_FAILED, message };
  return withCondition({ ...status, disruptionsAllowed: 0 }, condition, nowIso);
}

function withCondition(
  status: PodDisruptionBudgetStatus,
  { allowed, reason, message }: { allowed: boolean; reason: string; message: string },
  nowIso: string,
): PodDisruptionBudgetStatus {
  const condition = {
    type: DISRUPTION_ALLOWED,
    status: allowed ? "True" : "False",
    reason,
    message,
    lastTransitionTime: nowIso,
    observedGeneration: status.observedGeneration ?? 0,
  };
  return { ...status, conditions: setCondition(status.conditions, condition, nowIso) };
}
