/** The counts in `status` of a Deployment: sums over its ReplicaSets. */
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { replicasOf } from "./bounds.ts";
import { totalSize } from "./replica-set-state.ts";

export type DeploymentStatus = NonNullable<Deployment["status"]> & {
  /** Pods that are shutting down (KEP-3973). */
  terminatingReplicas?: number;
};
export type DeploymentCounts = Omit<DeploymentStatus, "conditions">;

/** `newest` must be one of `sets`. Conditions are not included: see `conditions.ts`. */
export function countReplicas(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
): DeploymentCounts {
  const sum = (field: keyof NonNullable<ReplicaSetStatusCounts>): number =>
    sets.reduce((total, set) => total + (countsOf(set)[field] ?? 0), 0);
  const availableReplicas = sum("availableReplicas");
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum("replicas"),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum("readyReplicas"),
    availableReplicas,
    unavailableReplicas: Math.max(0, totalSize(sets) - availableReplicas),
    terminatingReplicas: sum("terminatingReplicas"),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

/** Every wanted pod exists, is of the newest template and available, and no other is left. */
export function isComplete(deployment: Deployment, counts: DeploymentCounts): boolean {
  const replicas = replicasOf(deployment);
  return (
    counts.updatedReplicas === replicas &&
    counts.replicas === replicas &&
    counts.availableReplicas === replicas &&
    (counts.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

interface ReplicaSetStatusCounts {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
}
function countsOf(set: ReplicaSet): ReplicaSetStatusCounts {
  return set.status ?? {};
}
