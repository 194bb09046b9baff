/** How many pods to create, or which to delete. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { rankForDeletion } from "./deletion-ranking.ts";
import { isActive } from "./pod-state.ts";

/** Of one reconcile, as upstream's burstReplicas: more come with the next one. */
const BURST = 500;

export interface ReplicaPlan {
  readonly create: number;
  readonly remove: readonly Pod[];
}

/** `related`: see {@link rankForDeletion}; only asked for when pods have to go. */
export function planReplicas(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  related: () => readonly Pod[],
  nowMs: number,
): ReplicaPlan {
  const active = pods.filter(isActive);
  const missing = (replicaSet.spec?.replicas ?? 1) - active.length;
  if (missing >= 0) return { create: Math.min(missing, BURST), remove: [] };
  const surplus = Math.min(-missing, BURST);
  return { create: 0, remove: rankForDeletion(active, related(), nowMs).slice(0, surplus) };
}
