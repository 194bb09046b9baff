import type { StatefulSet } from "kubernetes-types/apps/v1";
import type { Live } from "../../kube/object.ts";
import { type Health, HEALTHY, progressing } from "./health.ts";

export function statefulSetHealth({ metadata, spec, status }: Live<StatefulSet>): Health {
  const observed = status?.observedGeneration ?? 0;
  if (observed === 0 || (metadata.generation ?? 0) > observed)
    return progressing("waiting for the controller to see the new spec");
  const wanted = spec?.replicas ?? 1;
  const ready = status?.readyReplicas ?? 0;
  if (ready < wanted) return progressing(`${ready} of ${wanted} replicas are ready`);
  const strategy = spec?.updateStrategy;
  if (strategy?.type === "OnDelete") return HEALTHY;
  const partition = strategy?.rollingUpdate?.partition;
  if (partition !== undefined && partition > 0) {
    const updated = status?.updatedReplicas ?? 0;
    return updated < wanted - partition
      ? progressing(`${updated} of ${wanted - partition} replicas are updated`)
      : HEALTHY;
  }
  return status?.updateRevision !== status?.currentRevision
    ? progressing(`${status?.updatedReplicas ?? 0} of ${wanted} replicas are updated`)
    : HEALTHY;
}
