/**
 * What happens when `spec.replicas` changes while several ReplicaSets have pods, or while paused:
 * the difference is spread over them by their sizes, so that a rollout goes on at the same stage
 * (k8s.io/kubernetes pkg/controller/deployment/sync.go `scale`).
 */
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { boundsOf, isRollingUpdate, replicasOf } from "./bounds.ts";
import { desiredReplicasOf, maxReplicasOf } from "./replica-annotations.ts";
import {
  availableOf,
  byAge,
  isActive,
  type Scale,
  sizeOf,
  totalSize,
} from "./replica-set-state.ts";

/** Whether `spec.replicas` changed since the sets were last scaled. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const replicas = replicasOf(deployment);
  return sets.some((set) => isActive(set) && (desiredReplicasOf(set) ?? replicas) !== replicas);
}

/** The sizes that the sets shall have; also for sets whose size stays but whose annotations are to follow. */
export function planProportionalScale(
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Scale[] {
  const replicas = replicasOf(deployment);
  const only = onlyActiveOrLatest(newest, old);
  if (only !== undefined) return [{ set: only, replicas }];
  if (newest !== undefined && isSaturated(deployment, newest))
    return old.filter(isActive).map((set) => ({ set, replicas: 0 }));
  if (!isRollingUpdate(deployment)) return [];
  const active = [...(newest === undefined ? [] : [newest]), ...old].filter(isActive);
  return spread(deployment, active);
}

/** The one set with pods, or without any the newest; undefined when several have pods. */
function onlyActiveOrLatest(
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const active = [...(newest === undefined ? [] : [newest]), ...old].filter(isActive);
  if (active.length > 1) return undefined;
  return active[0] ?? newest ?? [...old].sort(byAge).at(-1);
}

/** The newest set has all its pods, and available: the old ones are of no use. */
function isSaturated(deployment: Deployment, newest: ReplicaSet): boolean {
  const replicas = replicasOf(deployment);
  return (
    sizeOf(newest) === replicas &&
    desiredReplicasOf(newest) === replicas &&
    availableOf(newest) === replicas
  );
}

function spread(deployment: Deployment, active: readonly ReplicaSet[]): readonly Scale[] {
  const replicas = replicasOf(deployment);
  const allowed = replicas > 0 ? replicas + boundsOf(deployment).maxSurge : 0;
  const difference = allowed - totalSize(active);
  let left = difference;
  const scales = inOrder(active, difference).map((set) => {
    const share = clamp(shareOf(deployment, set), left);
    left -= share;
    return { set, replicas: sizeOf(set) + share };
  });
  // Rounding leaves a rest: the largest takes it, the next ones what would make it negative.
  return scales.map(({ set, replicas: size }) => {
    const final = Math.max(0, size + left);
    left -= final - size;
    return { set, replicas: final };
  });
}

/** Larger sets first; of equal ones the newer when growing, the older when shrinking. */
function inOrder(active: readonly ReplicaSet[], difference: number): readonly ReplicaSet[] {
  const byAgeWay = difference > 0 ? (a: ReplicaSet, b: ReplicaSet) => byAge(b, a) : byAge;
  return [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || byAgeWay(a, b));
}

/** By how much a set of this size would grow if all grew alike; negative to shrink. */
function shareOf(deployment: Deployment, set: ReplicaSet): number {
  const replicas = replicasOf(deployment);
  if (replicas === 0) return -sizeOf(set);
  const maxNow = replicas + boundsOf(deployment).maxSurge;
  const maxBefore = maxReplicasOf(set) || deployment.status?.replicas || maxNow;
  return Math.round((sizeOf(set) * maxNow) / maxBefore) - sizeOf(set);
}

/** Towards 0, at most as far as `limit` and never the other way. */
function clamp(share: number, limit: number): number {
  return limit >= 0 ? Math.max(0, Math.min(share, limit)) : Math.min(0, Math.max(share, limit));
}
