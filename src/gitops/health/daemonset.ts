import type { DaemonSet } from "kubernetes-types/apps/v1";
import type { Live } from "../../kube/object.ts";
import { type Health, HEALTHY, progressing } from "./health.ts";

export function daemonSetHealth({ metadata, spec, status }: Live<DaemonSet>): Health {
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0))
    return progressing("waiting for the controller to see the new spec");
  if (spec?.updateStrategy?.type === "OnDelete") return HEALTHY;
  const wanted = status?.desiredNumberScheduled ?? 0;
  const updated = status?.updatedNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  if (updated < wanted) return progressing(`${updated} of ${wanted} pods are updated`);
  return available < wanted ? progressing(`${available} of ${wanted} pods are available`) : HEALTHY;
}
