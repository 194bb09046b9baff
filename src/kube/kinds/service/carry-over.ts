/**
 * What an update of a Service keeps though the client left it out (allocated addresses and ports),
 * and what goes with the type it belonged to though the client left it in
 * (k8s.io/kubernetes/pkg/registry/core/service, `patchAllocatedValues`, `dropTypeDependentFields`).
 */
import { deepEqual } from "../../equality.ts";
import { isObject, type UnknownObject } from "../../json-object.ts";
import { isExternallyReachable } from "./defaults.ts";
import { needsClusterIP, needsNodePort, type Service } from "./service-object.ts";

export function carryOver(next: Service, previous: Service): Service {
  const [spec, before]: unknown[] = [next.spec, previous.spec];
  if (!isObject(spec) || !isObject(before)) return next;
  const kept = keepAllocated(spec, before);
  const fitting = dropForeign(kept, before);
  const carried = fitting === spec ? next : { ...next, spec: fitting };
  return fitting.type === "LoadBalancer" ? carried : withoutBalancer(carried);
}

/** The addresses of a load balancer that is none any more. */
function withoutBalancer(service: Service): Service {
  if ((service.status?.loadBalancer?.ingress ?? []).length === 0) return service;
  return { ...service, status: { ...service.status, loadBalancer: {} } };
}

function keepAllocated(spec: UnknownObject, before: UnknownObject): UnknownObject {
  let next = spec;
  const keep = (field: string): void => {
    if (isUnset(next[field]) && !isUnset(before[field])) next = { ...next, [field]: before[field] };
  };
  if (needsClusterIP(spec.type) && needsClusterIP(before.type)) {
    keep("clusterIP");
    if (next.clusterIP === before.clusterIP) keep("clusterIPs");
    keep("ipFamilyPolicy");
  }
  if (needsNodePort(spec.type) && needsNodePort(before.type)) next = keepNodePorts(next, before);
  if (spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local") {
    keep("healthCheckNodePort");
  }
  return next;
}

function keepNodePorts(spec: UnknownObject, before: UnknownObject): UnknownObject {
  const ports = portsOf(spec);
  const previous = portsOf(before);
  const taken = new Set(ports.map((port) => port.nodePort).filter((port) => !isUnset(port)));
  let changed = false;
  const next = ports.map((port) => {
    if (!isUnset(port.nodePort)) return port;
    const nodePort = previous.find((old) => samePort(old, port))?.nodePort;
    if (isUnset(nodePort) || taken.has(nodePort)) return port;
    changed = true;
    return { ...port, nodePort };
  });
  return changed ? { ...spec, ports: next } : spec;
}

/** Values that the client only repeats; new ones of its own are left for validation to refuse. */
function dropForeign(spec: UnknownObject, before: UnknownObject): UnknownObject {
  const gone: string[] = [];
  const dropIf = (isForeign: boolean, ...fields: string[]): void => {
    if (isForeign) gone.push(...fields.filter((field) => deepEqual(spec[field], before[field])));
  };
  const lost = (has: (one: UnknownObject) => boolean) => has(before) && !has(spec);
  dropIf(
    lost(({ type }) => needsClusterIP(type)),
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
  );
  dropIf(lost(isExternallyReachable), "externalTrafficPolicy");
  dropIf(lost(hasHealthCheckPort), "healthCheckNodePort");
  dropIf(
    lost(({ type }) => type === "LoadBalancer"),
    "allocateLoadBalancerNodePorts",
    "loadBalancerClass",
  );
  const kept = gone.some((field) => field in spec)
    ? Object.fromEntries(Object.entries(spec).filter(([field]) => !gone.includes(field)))
    : spec;
  return lost(({ type }) => needsNodePort(type)) ? dropNodePorts(kept, before) : kept;
}

function dropNodePorts(spec: UnknownObject, before: UnknownObject): UnknownObject {
  const former = new Set(portsOf(before).map((port) => port.nodePort));
  const ports = portsOf(spec);
  if (!ports.some((port) => !isUnset(port.nodePort) && former.has(port.nodePort))) return spec;
  const next = ports.map((port) => {
    if (!former.has(port.nodePort)) return port;
    const { nodePort: _, ...rest } = port;
    return rest;
  });
  return { ...spec, ports: next };
}

function hasHealthCheckPort(spec: UnknownObject): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

function samePort(a: UnknownObject, b: UnknownObject): boolean {
  return a.port === b.port && (a.protocol ?? "TCP") === (b.protocol ?? "TCP");
}

/** The ports, if all of them have the shape of ports. */
function portsOf(spec: UnknownObject): UnknownObject[] {
  const { ports } = spec;
  return Array.isArray(ports) && ports.every(isObject) ? ports.filter(isObject) : [];
}

function isUnset(value: unknown): boolean {
  const isEmptyList = Array.isArray(value) && value.length === 0;
  return value === undefined || value === null || value === "" || value === 0 || isEmptyList;
}
