/** Defaults of a Service that depend on its type (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go). */
import type { UnknownObject } from "../../json-object.ts";
import { type Change, type Rewrite, withDefaults } from "../rewrite.ts";
import { needsClusterIP, needsNodePort } from "./service-object.ts";

const HEADLESS = "None";
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
    Object.assign(defaults, familyDefaults(spec));
    if (typeof spec.clusterIP === "string" && spec.clusterIP !== "") {
      defaults.clusterIPs = [spec.clusterIP];
    }
  }
  if (isExternallyReachable(spec)) defaults.externalTrafficPolicy = "Cluster";
  if (type === "LoadBalancer") defaults.allocateLoadBalancerNodePorts = true;
  return withDefaults(spec, defaults);
};

/**
 * The cluster has one family. Only for a headless Service without a selector that says nothing: its
 * endpoints are somebody else's, in whatever families that has.
 */
function familyDefaults(spec: UnknownObject): Record<string, unknown> {
  const selector = spec.selector;
  const isSelecting =
    typeof selector === "object" && selector !== null && Object.keys(selector).length > 0;
  if (spec.clusterIP !== HEADLESS || isSelecting) {
    return { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] };
  }
  const isSingle = spec.ipFamilyPolicy === "SingleStack";
  return {
    ipFamilyPolicy: "RequireDualStack",
    ipFamilies: isSingle ? ["IPv4"] : ["IPv4", "IPv6"],
  };
}

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
  [
    "status.loadBalancer.ingress.*",
    (ingress) =>
      typeof ingress.ip === "string" && ingress.ip !== ""
        ? withDefaults(ingress, { ipMode: "VIP" })
        : ingress,
  ],
];
