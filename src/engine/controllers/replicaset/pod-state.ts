/** What a pod's status says about it, as the controllers read it. */
import { parseTime } from "../../../client/timestamps.ts";
import { findCondition, isConditionTrue } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { ROUTED_CONDITION } from "../../pod-contract.ts";

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Counts towards the replicas of its owner. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, "Ready");
}

/** When the pod last became ready; undefined when it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = findCondition(pod.status?.conditions, "Ready");
  return ready?.status === "True" ? parseTime(ready.lastTransitionTime) : undefined;
}

/**
 * When the pod counts as available: ready for `minReadySeconds`, and reachable through its
 * Services. Undefined while something else has to happen first.
 */
export function availableAtMs(pod: Pod, minReadySeconds: number): number | undefined {
  const { conditions } = pod.status ?? {};
  if (!isReady(pod) || findCondition(conditions, ROUTED_CONDITION)?.status === "False")
    return undefined;
  if (minReadySeconds === 0) return 0;
  const sinceMs = readySinceMs(pod);
  return sinceMs === undefined ? undefined : sinceMs + minReadySeconds * 1_000;
}
