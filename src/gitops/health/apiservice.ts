import type { KubeObject } from "../../kube/object.ts";
import { conditionOf, type Health, HEALTHY, progressing, type StatusCondition } from "./health.ts";

/** `apiregistration.k8s.io/v1`, of which the types package has nothing. */
interface ApiService extends KubeObject {
  readonly status?: { readonly conditions?: readonly StatusCondition[] };
}

export function apiServiceHealth({ status }: ApiService): Health {
  const available = conditionOf(status?.conditions, "Available");
  if (available?.status === "True") return HEALTHY;
  const why = available?.message ?? available?.reason;
  return progressing(why === undefined ? "the API is not available yet" : `not available: ${why}`);
}
