/** `status` of a StatefulSet, from its pods. Pure. */
import type { StatefulSetCondition, StatefulSetStatus } from "kubernetes-types/apps/v1";
import { formatTime } from "../../../client/timestamps.ts";
import { removeCondition, setCondition } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { availableAtMs, isReady } from "../replicaset/pod-state.ts";
import { revisionOf } from "./pod-identity.ts";
import type { StatefulSetView } from "./statefulset-view.ts";

/** True while pods cannot be made because their claims cannot. */
export const CLAIM_FAILURE = "VolumeClaimFailure";

export interface ClaimFailure {
  readonly reason: string;
  readonly message: string;
}

export function statefulSetStatus(
  view: StatefulSetView,
  claimFailure: ClaimFailure | undefined,
): StatefulSetStatus {
  const { set, pods, current, update, nowMs } = view;
  const { spec, status } = set;
  const isRunning = (pod: Pod): boolean => pod.status?.phase === "Running" && isReady(pod);
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const ready = pods.filter(isRunning);
  const isAvailable = (pod: Pod): boolean =>
    (availableAtMs(pod, spec?.minReadySeconds ?? 0) ?? Number.POSITIVE_INFINITY) <= nowMs;
  const of = (name: string): number => staying.filter((pod) => revisionOf(pod) === name).length;
  const updated = of(update.metadata.name);
  const wanted = spec?.replicas ?? 1;
  const isComplete =
    (spec?.updateStrategy?.type ?? "RollingUpdate") === "RollingUpdate" &&
    updated === wanted &&
    ready.length === wanted &&
    pods.length === wanted;
  const conditions = conditionsWith(status?.conditions, claimFailure, nowMs);
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter(isAvailable).length,
    currentReplicas: isComplete ? updated : of(current.metadata.name),
    updatedReplicas: updated,
    currentRevision: isComplete ? update.metadata.name : current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: status?.collisionCount ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** Milliseconds until the next ready pod becomes available; undefined when none will by time alone. */
export function nextAvailableInMs({ set, pods, nowMs }: StatefulSetView): number | undefined {
  const { minReadySeconds = 0 } = set.spec ?? {};
  const waits = pods
    .map((pod) => (availableAtMs(pod, minReadySeconds) ?? nowMs) - nowMs)
    .filter((waitMs) => waitMs > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function conditionsWith(
  conditions: readonly StatefulSetCondition[] | undefined,
  failure: ClaimFailure | undefined,
  nowMs: number,
): StatefulSetCondition[] {
  if (failure === undefined) return removeCondition(conditions, CLAIM_FAILURE);
  const condition = { type: CLAIM_FAILURE, status: "True", ...failure };
  return setCondition(conditions, condition, formatTime(nowMs));
}
