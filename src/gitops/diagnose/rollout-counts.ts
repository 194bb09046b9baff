/** How far the rollout of a workload is, as counts that change while one watches. Pure. */
import type { DaemonSet, StatefulSet } from "kubernetes-types/apps/v1";
import type { Job } from "kubernetes-types/batch/v1";
import type { Deployment } from "../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../kube/kinds/replicaset.ts";
import { type KubeObject, type Live, parseApiVersion } from "../../kube/object.ts";

export interface RolloutCounts {
  /** Pods (or completions) that there are to be. */
  readonly wanted: number;
  /** `2 of 3 updated, 1 available` */
  readonly text: string;
}

/** Undefined: the kind runs no pods. */
export function rolloutCounts(workload: KubeObject): RolloutCounts | undefined {
  const { group } = parseApiVersion(workload.apiVersion);
  return COUNTS[`${group}/${workload.kind}`]?.(workload as never);
}

const COUNTS: Readonly<Record<string, (workload: never) => RolloutCounts>> = {
  "apps/Deployment": ({ metadata, spec, status }: Deployment) => {
    const wanted = spec?.replicas ?? 1;
    // Until the controller has looked, the counts are those of the revision before.
    if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
      return { wanted, text: `0 of ${wanted} updated` };
    const { updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status ?? {};
    const old = replicas - updatedReplicas;
    const rest = old > 0 ? `, ${old} old to stop` : "";
    return {
      wanted,
      text: `${updatedReplicas} of ${wanted} updated, ${availableReplicas} available${rest}`,
    };
  },
  "apps/ReplicaSet": ({ spec, status }: ReplicaSet) => {
    const wanted = spec?.replicas ?? 1;
    return { wanted, text: `${status?.availableReplicas ?? 0} of ${wanted} available` };
  },
  "apps/StatefulSet": ({ spec, status }: Live<StatefulSet>) => {
    const wanted = spec?.replicas ?? 1;
    const { updatedReplicas = 0, readyReplicas = 0 } = status ?? {};
    return { wanted, text: `${updatedReplicas} of ${wanted} updated, ${readyReplicas} ready` };
  },
  "apps/DaemonSet": ({ status }: Live<DaemonSet>) => {
    const {
      desiredNumberScheduled = 0,
      updatedNumberScheduled = 0,
      numberAvailable = 0,
    } = status ?? {};
    return {
      wanted: desiredNumberScheduled,
      text: `${updatedNumberScheduled} of ${desiredNumberScheduled} updated, ${numberAvailable} available`,
    };
  },
  "batch/Job": ({ spec, status }: Live<Job>) => {
    const wanted = spec?.completions ?? 1;
    const { succeeded = 0, failed = 0, active = 0 } = status ?? {};
    const rest = failed > 0 ? `, ${failed} failed` : "";
    return { wanted, text: `${succeeded} of ${wanted} completed, ${active} running${rest}` };
  },
};
