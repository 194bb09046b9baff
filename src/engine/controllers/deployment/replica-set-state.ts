/** Reading ReplicaSets: sizes, and in which order a Deployment looks at them. */
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";

/** A number of pods that a set shall have from now on. */
export interface Scale {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}
export function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}
export function totalSize(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}
export function isActive(set: ReplicaSet): boolean {
  return sizeOf(set) > 0;
}

/** Oldest first; by name among those of one second. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? "");
  return compare(left ?? "", right ?? "") || compare(a.metadata.name, b.metadata.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
