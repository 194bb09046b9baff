import type { Deployment } from "kubernetes-types/apps/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing, suspended } from "./health.ts";

export function deploymentHealth({ metadata, spec, status }: Live<Deployment>): Health {
  if (spec?.paused === true) return suspended("the rollout is paused");
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0))
    return progressing("waiting for the controller to see the new spec");
  const progress = conditionOf(status?.conditions, "Progressing");
  if (progress?.reason === "ProgressDeadlineExceeded")
    return degraded(progress.message ?? "the rollout exceeded its progress deadline");
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
  const wanted = spec?.replicas ?? 1;
  if (updatedReplicas < wanted)
    return progressing(`${updatedReplicas} of ${wanted} replicas are updated`);
  if (replicas > updatedReplicas)
    return progressing(`${replicas - updatedReplicas} old replicas are pending termination`);
  if (availableReplicas < updatedReplicas)
    return progressing(`${availableReplicas} of ${updatedReplicas} updated replicas are available`);
  return HEALTHY;
}
