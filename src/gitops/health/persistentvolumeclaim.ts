import type { PersistentVolumeClaim } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { degraded, type Health, HEALTHY, progressing, unknown } from "./health.ts";
import type { HealthContext } from "./health-context.ts";

/** Set once a pod that uses the claim was scheduled: from then on the volume is being made. */
const SELECTED_NODE = "volume.kubernetes.io/selected-node";

export function persistentVolumeClaimHealth(
  claim: Live<PersistentVolumeClaim>,
  context: HealthContext,
): Health {
  const { status } = claim;
  switch (status?.phase) {
    case "Bound":
      return HEALTHY;
    case undefined:
    case "Pending":
      return waitsForConsumer(claim, context) ? HEALTHY : progressing("the claim is not bound yet");
    case "Lost":
      return degraded("the volume of this claim is lost");
    default:
      return unknown(`unknown phase ${status?.phase ?? ""}`);
  }
}

/**
 * A claim of such a class stays Pending until a pod uses it. A wave that waited for the claim
 * would never come to that pod.
 */
function waitsForConsumer(
  { metadata, spec }: Live<PersistentVolumeClaim>,
  { storageClassOf }: HealthContext,
): boolean {
  if (metadata.annotations?.[SELECTED_NODE] !== undefined) return false;
  if ((spec?.volumeName ?? "") !== "" || spec?.storageClassName === "") return false;
  return storageClassOf?.(spec?.storageClassName)?.volumeBindingMode === "WaitForFirstConsumer";
}
