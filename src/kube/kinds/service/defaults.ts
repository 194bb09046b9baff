/** Defaults of a Service that depend on its type (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go). */
import type { UnknownObject } from "../../json-object.ts";
import { type Change, type Rewrite, withDefaults } from "../rewrite.ts";
import { needsClusterIP, needsNodePort } from "./service-object.ts";

/** Three hours. */
const AFFINITY_TIMEOUT_SECONDS = 10_800;

const defaultByType: Change = (spec) => {
  const { type } = spec;
  const defaults: Record<string, unknown> = {};
  if (spec.sessionAffinity === "ClientIP") {
    defaults.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_TIMEOUT_SECONDS } };
  }
  if (needsClusterIP(type)) {
    defaults.internalTrafficPolicy = "Cluster";
    defaults.ipFamilyPolicy = "SingleStack";
    defaults.ipFamilies = ["IPv4"];
    if (typeof spec.clusterIP === "string" && spec.clusterIP !== "") {
      defaults.clusterIPs = [spec.clusterIP];
    }
  }
  if (isExternallyReachable(spec)) defaults.externalTrafficPolicy = "Cluster";
  if (type === "LoadBalancer") defaults.allocateLoadBalancerNodePorts = true;
  return withDefaults(spec, defaults);
};

/** Whether clients outside the cluster can be routed to it, so that where to route them matters. */
export function isExternallyReachable(spec: UnknownObject): boolean {
  const externalIPs = spec.externalIPs;
  const hasExternalIPs = Array.isArray(externalIPs) && externalIPs.length > 0;
  return needsNodePort(spec.type) || (spec.type === "ClusterIP" && hasExternalIPs);
}

const targetSamePort: Change = (port) => {
  const target = port.targetPort;
  const isSet = target !== undefined && target !== null && target !== 0 && target !== "";
  return isSet || port.port === undefined ? port : { ...port, targetPort: port.port };
};

export const SERVICE_DEFAULTS: readonly Rewrite[] = [
  ["spec", (spec) => withDefaults(spec, { type: "ClusterIP", sessionAffinity: "None" })],
  ["spec", defaultByType],
  ["spec.ports.*", (port) => withDefaults(port, { protocol: "TCP" })],
  ["spec.ports.*", targetSamePort],
];
