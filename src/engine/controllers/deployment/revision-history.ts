/** Revisions number the templates that a Deployment had; old ReplicaSets are kept to go back to. */
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { revisionOf } from "./replica-annotations.ts";
import { byAge, sizeOf } from "./replica-set-state.ts";

const DEFAULT_HISTORY_LIMIT = 10;

/** The revision of the newest template. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

/** The old sets beyond `revisionHistoryLimit`, oldest revision first, that nothing uses any more. */
export function surplusHistory(
  deployment: Deployment,
  old: readonly ReplicaSet[],
): readonly ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  const kept = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = Math.max(0, kept.length - limit);
  return [...kept]
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b))
    .slice(0, surplus)
    .filter(isUnused);
}

function isUnused(set: ReplicaSet): boolean {
  const isObserved = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
  return sizeOf(set) === 0 && (set.status?.replicas ?? 0) === 0 && isObserved;
}
