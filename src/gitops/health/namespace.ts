import type { Namespace } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { type Health, HEALTHY, progressing } from "./health.ts";

export function namespaceHealth({ status }: Live<Namespace>): Health {
  return status?.phase === "Terminating" ? progressing("being deleted") : HEALTHY;
}
