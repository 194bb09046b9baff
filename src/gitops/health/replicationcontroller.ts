import type { ReplicationController } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing } from "./health.ts";

export function replicationControllerHealth({
  metadata,
  spec,
  status,
}: Live<ReplicationController>): Health {
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0))
    return progressing("waiting for the controller to see the new spec");
  const failure = conditionOf(status?.conditions, "ReplicaFailure");
  if (failure?.status === "True") return degraded(failure.message ?? "replicas cannot be created");
  const wanted = spec?.replicas ?? 1;
  const available = status?.availableReplicas ?? 0;
  return available < wanted
    ? progressing(`${available} of ${wanted} replicas are available`)
    : HEALTHY;
}
