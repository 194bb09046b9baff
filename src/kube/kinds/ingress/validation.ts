/** Rules for Ingresses (k8s.io/kubernetes/pkg/apis/networking/validation). */
import type {
  HTTPIngressPath,
  IngressBackend,
  IngressRule,
  IngressSpec,
} from "kubernetes-types/networking/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily } from "../../ip-address.ts";
import { dns1123Label, dns1123Subdomain, portName, portNumber } from "../../names.ts";
import {
  invalid,
  isBlank,
  named,
  required,
  requiredName,
  requiredText,
} from "../field-problems.ts";

/** Parts that proxies resolve in different ways. */
const AMBIGUOUS_PARTS = ["//", "/./", "/../", "%2f", "%2F"];
const AMBIGUOUS_ENDS = ["/..", "/."];

export function validateIngress(spec: IngressSpec | undefined): FieldError[] {
  const rules = spec?.rules ?? [];
  if (spec === undefined || (rules.length === 0 && spec.defaultBackend === undefined)) {
    return [required("spec", "either `defaultBackend` or `rules` must be specified")];
  }
  const errors = rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`));
  if (spec.defaultBackend !== undefined) {
    errors.push(...validateBackend(spec.defaultBackend, "spec.defaultBackend"));
  }
  if (!isBlank(spec.ingressClassName)) {
    errors.push(...named("spec.ingressClassName", spec.ingressClassName, dns1123Subdomain));
  }
  for (const [index, { hosts = [] }] of (spec.tls ?? []).entries()) {
    for (const [at, host] of hosts.entries()) {
      errors.push(...validateHost(host, `spec.tls[${index}].hosts[${at}]`));
    }
  }
  return errors;
}

function validateRule({ host, http }: IngressRule, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!isBlank(host)) {
    if (ipFamily(host) !== undefined) {
      errors.push(invalid(`${field}.host`, host, "must be a DNS name, not an IP address"));
    }
    errors.push(...validateHost(host, `${field}.host`));
  }
  if (http === undefined) return errors;
  if ((http.paths ?? []).length === 0) errors.push(required(`${field}.http.paths`));
  for (const [index, path] of (http.paths ?? []).entries()) {
    errors.push(...validatePath(path, `${field}.http.paths[${index}]`));
  }
  return errors;
}

function validateHost(host: string, field: string): FieldError[] {
  return named(field, host.startsWith("*.") ? host.slice(2) : host, dns1123Subdomain);
}

function validatePath({ path, pathType, backend }: HTTPIngressPath, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (pathType !== "ImplementationSpecific") {
    errors.push(...validateExactPath(path ?? "", `${field}.path`));
  } else if (!isBlank(path) && !path.startsWith("/")) {
    errors.push(invalid(`${field}.path`, path, "must be an absolute path"));
  }
  return [...errors, ...validateBackend(backend, `${field}.backend`)];
}

function validateExactPath(path: string, field: string): FieldError[] {
  if (!path.startsWith("/")) return [invalid(field, path, "must be an absolute path")];
  const errors = AMBIGUOUS_PARTS.filter((part) => path.includes(part)).map((part) =>
    invalid(field, path, `must not contain '${part}'`),
  );
  const ends = AMBIGUOUS_ENDS.filter((end) => path.endsWith(end)).map((end) =>
    invalid(field, path, `cannot end with '${end}'`),
  );
  return [...errors, ...ends];
}

function validateBackend(backend: IngressBackend | undefined, field: string): FieldError[] {
  const { service, resource } = backend ?? {};
  if (service !== undefined && resource !== undefined) {
    return [invalid(field, undefined, "cannot set both resource and service backends")];
  }
  if (resource !== undefined) {
    return [
      ...requiredText(`${field}.resource.kind`, resource.kind),
      ...requiredText(`${field}.resource.name`, resource.name),
    ];
  }
  if (service === undefined) return [required(field, "must specify a service or a resource")];
  const errors = requiredName(`${field}.service.name`, service.name, dns1123Label);
  const { name = "", number = 0 } = service.port ?? {};
  const path = `${field}.service.port`;
  if (name === "" && number === 0)
    return [...errors, required(path, "port name or number is required")];
  if (name !== "" && number !== 0) {
    return [...errors, invalid(path, undefined, "cannot set both port name and port number")];
  }
  if (name !== "") return [...errors, ...named(`${path}.name`, name, portName)];
  const problems = portNumber(number);
  return [...errors, ...problems.map((detail) => invalid(`${path}.number`, number, detail))];
}
