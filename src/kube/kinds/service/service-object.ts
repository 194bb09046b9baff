import type { Service as UpstreamService } from "kubernetes-types/core/v1";
import type { Live } from "../../object.ts";

export type Service = Live<UpstreamService>;

/** Every type but `ExternalName` is reached at an address of its own, unless headless. */
export function needsClusterIP(type: unknown): boolean {
  return type === undefined || type === "ClusterIP" || needsNodePort(type);
}
export function needsNodePort(type: unknown): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}
