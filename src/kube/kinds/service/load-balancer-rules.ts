/** Rules for what only load balancers have: fields of the spec, and the status that they report. */
import type { ServiceSpec } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily, isCIDR } from "../../ip-address.ts";
import { dns1123Subdomain, qualifiedName } from "../../names.ts";
import { forbidden, invalid, isBlank, named, oneOf, required } from "../field-problems.ts";
import type { Service } from "./service-object.ts";

/** An agent of the node listens there: who exposes it exposes the node. */
const KUBELET_PORT = 10_250;
const IP_MODES = ["Proxy", "VIP"];

export function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const isLoadBalancer = spec.type === "LoadBalancer";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  if (!isLoadBalancer) {
    if (ranges.length > 0) errors.push(forbidden("spec.loadBalancerSourceRanges", only));
    if (!isBlank(spec.loadBalancerClass)) errors.push(forbidden("spec.loadBalancerClass", only));
    if (spec.allocateLoadBalancerNodePorts !== undefined) {
      errors.push(forbidden("spec.allocateLoadBalancerNodePorts", only));
    }
  } else {
    if (!isBlank(spec.loadBalancerClass)) {
      errors.push(...named("spec.loadBalancerClass", spec.loadBalancerClass, qualifiedName));
    }
    errors.push(...validateExposedPorts(spec));
  }
  for (const [index, range] of ranges.entries()) {
    if (isCIDR(range.trim())) continue;
    const detail = "must be a valid CIDR block such as 10.0.0.0/8";
    errors.push(invalid(`spec.loadBalancerSourceRanges[${index}]`, range, detail));
  }
  const checksHealth = isLoadBalancer && spec.externalTrafficPolicy === "Local";
  if ((spec.healthCheckNodePort ?? 0) !== 0 && !checksHealth) {
    const detail =
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid("spec.healthCheckNodePort", spec.healthCheckNodePort, detail));
  }
  return errors;
}

function validateExposedPorts({ ports = [] }: ServiceSpec): FieldError[] {
  const detail = `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`;
  return ports.flatMap(({ port }, index) =>
    port === KUBELET_PORT ? [invalid(`spec.ports[${index}].port`, port, detail)] : [],
  );
}

export function validateLoadBalancerUpdate(next: Service, previous: Service): FieldError[] {
  const [now, before] = [next.spec, previous.spec];
  if (now?.type !== "LoadBalancer" || before?.type !== "LoadBalancer") return [];
  const errors: FieldError[] = [];
  if (now.loadBalancerClass !== before.loadBalancerClass) {
    errors.push(
      invalid("spec.loadBalancerClass", now.loadBalancerClass, "may not change once set"),
    );
  }
  const [port, former] = [now.healthCheckNodePort ?? 0, before.healthCheckNodePort ?? 0];
  const bothCheck =
    now.externalTrafficPolicy === "Local" && before.externalTrafficPolicy === "Local";
  if (bothCheck && former !== 0 && port !== former) {
    errors.push(invalid("spec.healthCheckNodePort", port, "field is immutable"));
  }
  return errors;
}

/** `ValidateLoadBalancerStatus`. */
export function validateLoadBalancerStatus({ spec, status }: Service): FieldError[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const field = "status.loadBalancer.ingress";
  if (ingress.length > 0 && spec?.type !== "LoadBalancer") {
    return [forbidden(field, 'may only be used when `spec.type` is "LoadBalancer"')];
  }
  return ingress.flatMap(({ ip, hostname, ipMode }, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (!isBlank(ip) && ipFamily(ip) === undefined) {
      errors.push(invalid(`${at}.ip`, ip, "must be a valid IP address"));
    }
    if (!isBlank(ip) && ipMode === undefined) {
      errors.push(required(`${at}.ipMode`, "must be specified when `ip` is set"));
    } else if (isBlank(ip) && ipMode !== undefined) {
      errors.push(forbidden(`${at}.ipMode`, "may not be specified when `ip` is not set"));
    } else errors.push(...oneOf(`${at}.ipMode`, ipMode, IP_MODES));
    if (!isBlank(hostname)) {
      errors.push(...named(`${at}.hostname`, hostname, dns1123Subdomain));
      if (ipFamily(hostname) !== undefined) {
        errors.push(invalid(`${at}.hostname`, hostname, "must be a DNS name, not an IP address"));
      }
    }
    return errors;
  });
}
