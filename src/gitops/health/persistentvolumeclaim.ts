import type { PersistentVolumeClaim } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { degraded, type Health, HEALTHY, progressing } from "./health.ts";

export function persistentVolumeClaimHealth({ status }: Live<PersistentVolumeClaim>): Health {
  switch (status?.phase) {
    case "Bound":
      return HEALTHY;
    case undefined:
    case "Pending":
      return progressing("the claim is not bound yet");
    case "Lost":
      return degraded("the volume of this claim is lost");
    default:
      return { status: "Unknown", message: `unknown phase ${status?.phase ?? ""}` };
  }
}
