/**
 * The steps of a rolling update: first more new pods within the surge, then fewer old ones within
 * what may be unavailable (k8s.io/kubernetes pkg/controller/deployment/rolling.go).
 */
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { boundsOf, replicasOf } from "./bounds.ts";
import { availableOf, byAge, type Scale, sizeOf, totalSize } from "./replica-set-state.ts";

/** How large the newest set, now of `size`, may be while all sets together have `total` pods. */
export function newestSetSize(deployment: Deployment, size: number, total: number): number {
  const replicas = replicasOf(deployment);
  if (size > replicas) return replicas;
  const room = replicas + boundsOf(deployment).maxSurge - total;
  return size + Math.max(0, Math.min(room, replicas - size));
}

/** How many old pods go now. `newest` has the size that was planned for it. */
export function planScaleDown(
  deployment: Deployment,
  newest: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Scale[] {
  const all = [newest, ...old];
  const minAvailable = replicasOf(deployment) - boundsOf(deployment).maxUnavailable;
  // New pods that are not available yet are the unavailability that is already spent.
  const newUnavailable = sizeOf(newest) - availableOf(newest);
  const budget = totalSize(all) - minAvailable - newUnavailable;
  if (budget <= 0) return [];
  const sizes = new Map([...old].sort(byAge).map((set) => [set, sizeOf(set)]));
  // Pods that do not serve anyway cost nothing; they could block the rollout for ever (k/k #16737).
  take(sizes, budget, (set, size) => size - availableOf(set));
  take(sizes, totalLasting(all) - minAvailable, (_, size) => size);
  return [...sizes]
    .filter(([set, replicas]) => replicas !== sizeOf(set))
    .map(([set, replicas]) => ({ set, replicas }));
}

/**
 * The available pods that stay when every set has its size. Upstream counts `availableReplicas` as
 * it is, and so takes too many when a set that was just scaled down has not reported yet.
 */
function totalLasting(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + Math.min(availableOf(set), sizeOf(set)), 0);
}

/** Takes up to `budget` pods, from each set in turn at most what `upTo` says. */
function take(
  sizes: Map<ReplicaSet, number>,
  budget: number,
  upTo: (set: ReplicaSet, size: number) => number,
): void {
  let left = budget;
  for (const [set, size] of sizes) {
    if (left <= 0) return;
    const taken = Math.max(0, Math.min(left, size, upTo(set, size)));
    sizes.set(set, size - taken);
    left -= taken;
  }
}
