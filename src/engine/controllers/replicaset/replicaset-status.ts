/** `status` of a ReplicaSet, from its pods. */
import type { ReplicaSetCondition } from "kubernetes-types/apps/v1";
import { formatTime } from "../../../client/timestamps.ts";
import { removeCondition, setCondition } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { matchesLabels, selectorFromLabels } from "../../../kube/label-selector.ts";
import { availableAtMs, isActive, isReady, isTerminal } from "./pod-state.ts";

export type ReplicaSetStatus = NonNullable<ReplicaSet["status"]> & {
  /** Pods that are shutting down (KEP-3973). */
  terminatingReplicas?: number;
};

/** Why the last attempt to create or delete pods failed. */
export interface ReplicaFailure {
  readonly reason: "FailedCreate" | "FailedDelete";
  readonly message: string;
}

export function replicaSetStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetStatus {
  const { minReadySeconds = 0, template } = replicaSet.spec ?? {};
  const labels = selectorFromLabels(template?.metadata?.labels ?? {});
  let [replicas, fullyLabeledReplicas, readyReplicas] = [0, 0, 0];
  let [availableReplicas, terminatingReplicas] = [0, 0];
  // Sets of ten thousand are looked at many times while they come up: once over the pods.
  for (const pod of pods) {
    if (isTerminal(pod)) continue;
    if (pod.metadata.deletionTimestamp !== undefined) {
      terminatingReplicas++;
      continue;
    }
    replicas++;
    if (matchesLabels(labels, pod.metadata.labels)) fullyLabeledReplicas++;
    if (!isReady(pod)) continue;
    readyReplicas++;
    const availableMs = availableAtMs(pod, minReadySeconds);
    if (availableMs !== undefined && availableMs <= nowMs) availableReplicas++;
  }
  const conditions = conditionsWith(replicaSet.status?.conditions, failure, nowMs);
  return {
    replicas,
    fullyLabeledReplicas,
    readyReplicas,
    availableReplicas,
    terminatingReplicas,
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** Milliseconds until the next ready pod becomes available; undefined when none will by time alone. */
export function nextAvailableInMs(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  nowMs: number,
): number | undefined {
  const { minReadySeconds = 0 } = replicaSet.spec ?? {};
  if (minReadySeconds === 0) return undefined;
  const waits = pods
    .filter(isActive)
    .map((pod) => (availableAtMs(pod, minReadySeconds) ?? nowMs) - nowMs)
    .filter((waitMs) => waitMs > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function conditionsWith(
  conditions: readonly ReplicaSetCondition[] | undefined,
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetCondition[] {
  if (failure === undefined) return removeCondition(conditions, "ReplicaFailure");
  const condition = { type: "ReplicaFailure", status: "True", ...failure };
  return setCondition(conditions, condition, formatTime(nowMs));
}
