/** Rules for Services (k8s.io/kubernetes/pkg/apis/core/validation, `ValidateService`). */
import type { ServicePort, ServiceSpec } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily, unroutableReason } from "../../ip-address.ts";
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from "../../names.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  isBlank,
  named,
  required,
  requiredName,
} from "../field-problems.ts";
import { validateLabels } from "../metadata.ts";
import { validatePort } from "../pod-spec/handlers.ts";
import { isExternallyReachable } from "./defaults.ts";
import {
  HEADLESS,
  validateIPFamilies,
  validateIPFamilyUpdate,
  validateNoIPFamilies,
} from "./ip-families.ts";
import { validateLoadBalancer, validateLoadBalancerUpdate } from "./load-balancer-rules.ts";
import { needsClusterIP, needsNodePort, type Service } from "./service-object.ts";

/** One day. */
const MAX_AFFINITY_SECONDS = 86_400;

export function validateService({ spec }: Service): FieldError[] {
  if (spec === undefined) return [required("spec")];
  return [
    ...validatePorts(spec),
    ...validateLabels(spec.selector, "spec.selector"),
    ...validateAddresses(spec),
    ...validateAffinity(spec),
    ...validateTraffic(spec),
    ...validateLoadBalancer(spec),
  ];
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const isHeadless = spec.clusterIP === HEADLESS;
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless && spec.type !== "ExternalName") {
    errors.push(required("spec.ports"));
  }
  for (const [index, port] of ports.entries()) {
    errors.push(...validateServicePort(port, `spec.ports[${index}]`, ports.length > 1));
    if (!needsNodePort(spec.type) && (port.nodePort ?? 0) !== 0) {
      const detail = `may not be used when \`type\` is '${spec.type ?? "ClusterIP"}'`;
      errors.push(forbidden(`spec.ports[${index}].nodePort`, detail));
    }
  }
  return [
    ...errors,
    ...duplicates(
      ports,
      ({ name }) => name,
      (index, name) => duplicate(`spec.ports[${index}].name`, name),
    ),
    ...duplicates(
      ports,
      ({ nodePort, protocol }) =>
        (nodePort ?? 0) === 0 ? undefined : `${nodePort}/${protocol ?? "TCP"}`,
      (index, key) => duplicate(`spec.ports[${index}].nodePort`, key),
    ),
  ];
}

function validateServicePort(port: ServicePort, field: string, needsName: boolean): FieldError[] {
  const errors = needsName ? requiredName(`${field}.name`, port.name, dns1123Label) : [];
  if (!needsName && !isBlank(port.name)) {
    errors.push(...named(`${field}.name`, port.name, dns1123Label));
  }
  const problems = portNumber(port.port);
  errors.push(...problems.map((detail) => invalid(`${field}.port`, port.port, detail)));
  if (port.targetPort !== undefined) {
    errors.push(...validatePort(port.targetPort, `${field}.targetPort`));
  }
  if (!isBlank(port.appProtocol)) {
    errors.push(...named(`${field}.appProtocol`, port.appProtocol, qualifiedName));
  }
  return errors;
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  if (spec.type === "ExternalName") return validateExternalName(spec);
  const errors = validateIPFamilies(spec);
  const { clusterIP } = spec;
  if (clusterIP === HEADLESS && needsNodePort(spec.type)) {
    const detail = `may not be set to 'None' for ${spec.type} services`;
    errors.push(invalid("spec.clusterIPs[0]", clusterIP, detail));
  }
  for (const [index, address] of (spec.externalIPs ?? []).entries()) {
    const reason =
      ipFamily(address) === undefined ? "must be a valid IP address" : unroutableReason(address);
    if (reason !== undefined) errors.push(invalid(`spec.externalIPs[${index}]`, address, reason));
  }
  return errors;
}

function validateExternalName(spec: ServiceSpec): FieldError[] {
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  return [
    ...requiredName("spec.externalName", name, dns1123Subdomain),
    ...validateNoIPFamilies(spec),
  ];
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const config = spec.sessionAffinityConfig;
  const field = "spec.sessionAffinityConfig";
  if (config === undefined) return errors;
  if (spec.sessionAffinity !== "ClientIP") {
    errors.push(forbidden(field, "must not be set when session affinity is None"));
    return errors;
  }
  const seconds = config.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)) {
    const detail = `must be greater than 0 and less than or equal to ${MAX_AFFINITY_SECONDS}`;
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, seconds, detail));
  }
  return errors;
}

function validateTraffic(spec: ServiceSpec): FieldError[] {
  const external = spec.externalTrafficPolicy;
  const errors: FieldError[] = [];
  if (external !== undefined && !isExternallyReachable({ ...spec })) {
    const detail = "may only be set for externally-accessible services";
    errors.push(invalid("spec.externalTrafficPolicy", external, detail));
  }
  if (spec.internalTrafficPolicy !== undefined && !needsClusterIP(spec.type)) {
    const detail = "may not be set when `type` is 'ExternalName'";
    errors.push(forbidden("spec.internalTrafficPolicy", detail));
  }
  return errors;
}

/** Addresses are held until the type that needs them changes. */
export function validateServiceUpdate(next: Service, previous: Service): FieldError[] {
  return [...validateIPFamilyUpdate(next, previous), ...validateLoadBalancerUpdate(next, previous)];
}
