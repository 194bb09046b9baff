import type { Service } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { type Health, HEALTHY, progressing } from "./health.ts";

export function serviceHealth({ spec, status }: Live<Service>): Health {
  return spec?.type === "LoadBalancer" && (status?.loadBalancer?.ingress ?? []).length === 0
    ? progressing("waiting for an address of the load balancer")
    : HEALTHY;
}
