/** Rules for a whole pod spec (k8s.io/kubernetes/pkg/apis/core/validation, `ValidatePodSpec`). */
import type { PodDNSConfig, PodSpec } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily } from "../../ip-address.ts";
import { dns1123Label, dns1123Subdomain, qualifiedName } from "../../names.ts";
import { invalid, isBlank, named, required, requiredText, tooMany } from "../field-problems.ts";
import { validateAllContainers } from "./containers.ts";
import { validateAmount } from "./resources.ts";
import { validateScheduling } from "./scheduling.ts";
import { validatePodSecurityContext } from "./security-context.ts";
import { validateVolumes } from "./volumes.ts";

/** Limits of resolv.conf. */
const MAX_DNS_NAMESERVERS = 3;
const MAX_DNS_SEARCHES = 32;
const MAX_DNS_SEARCH_CHARS = 2048;
const MAX_INT32 = 2 ** 31 - 1;

/** `field` is the path of the spec: `spec`, or `spec.template.spec`. */
export function validatePodSpec(
  spec: PodSpec,
  field: string,
  options: { readonly isPod: boolean },
): FieldError[] {
  return [
    ...validateVolumes(spec.volumes ?? [], `${field}.volumes`),
    ...validateAllContainers(spec, field, options.isPod),
    ...validateLifetime(spec, field),
    ...validateReferences(spec, field),
    ...validateDns(spec, field),
    ...validateHost(spec, field),
    ...validateScheduling(spec, field),
    ...(spec.securityContext === undefined
      ? []
      : validatePodSecurityContext(spec.securityContext, `${field}.securityContext`)),
    ...Object.entries(spec.overhead ?? {}).flatMap(([name, amount]) =>
      validateAmount(`${field}.overhead[${name}]`, amount),
    ),
    ...(spec.readinessGates ?? []).flatMap((gate, index) =>
      named(`${field}.readinessGates[${index}].conditionType`, gate.conditionType, qualifiedName),
    ),
  ];
}

function validateLifetime(spec: PodSpec, field: string): FieldError[] {
  const seconds = spec.activeDeadlineSeconds;
  const errors: FieldError[] = [];
  if (seconds !== undefined && (seconds < 1 || seconds > MAX_INT32)) {
    const detail = `must be between 1 and ${MAX_INT32}, inclusive`;
    errors.push(invalid(`${field}.activeDeadlineSeconds`, seconds, detail));
  }
  return errors;
}

function validateReferences(spec: PodSpec, field: string): FieldError[] {
  const names = [
    ["nodeName", dns1123Subdomain],
    ["serviceAccountName", dns1123Subdomain],
    ["priorityClassName", dns1123Subdomain],
    ["runtimeClassName", dns1123Subdomain],
    ["hostname", dns1123Label],
    ["subdomain", dns1123Label],
  ] as const;
  const errors = names.flatMap(([name, rule]) => {
    const value = spec[name];
    return isBlank(value) ? [] : named(`${field}.${name}`, value, rule);
  });
  return [
    ...errors,
    ...(spec.imagePullSecrets ?? []).flatMap((secret, index) =>
      requiredText(`${field}.imagePullSecrets[${index}].name`, secret.name),
    ),
  ];
}

function validateDns(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.dnsPolicy === "None" && (spec.dnsConfig?.nameservers ?? []).length === 0) {
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is "None"';
    errors.push(required(`${field}.dnsConfig.nameservers`, detail));
  }
  return spec.dnsConfig === undefined
    ? errors
    : [...errors, ...validateDnsConfig(spec.dnsConfig, `${field}.dnsConfig`)];
}

function validateDnsConfig(config: PodDNSConfig, field: string): FieldError[] {
  const nameservers = config.nameservers ?? [];
  const searches = config.searches ?? [];
  const errors: FieldError[] = [];
  if (nameservers.length > MAX_DNS_NAMESERVERS) {
    errors.push(tooMany(`${field}.nameservers`, nameservers.length, MAX_DNS_NAMESERVERS));
  }
  if (searches.length > MAX_DNS_SEARCHES) {
    errors.push(tooMany(`${field}.searches`, searches.length, MAX_DNS_SEARCHES));
  }
  if (searches.join(" ").length > MAX_DNS_SEARCH_CHARS) {
    const detail = `must not have more than ${MAX_DNS_SEARCH_CHARS} characters (including spaces) in the search list`;
    errors.push(invalid(`${field}.searches`, undefined, detail));
  }
  for (const [index, server] of nameservers.entries()) {
    if (ipFamily(server) === undefined) {
      errors.push(invalid(`${field}.nameservers[${index}]`, server, "must be a valid IP address"));
    }
  }
  for (const [index, search] of searches.entries()) {
    const relative = search.endsWith(".") ? search.slice(0, -1) : search;
    if (search === ".") continue;
    errors.push(
      ...named(`${field}.searches[${index}]`, relative.replaceAll("_", "-"), dns1123Subdomain),
    );
  }
  return [
    ...errors,
    ...(config.options ?? []).flatMap((option, index) =>
      requiredText(`${field}.options[${index}].name`, option.name),
    ),
  ];
}

function validateHost(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = "shareProcessNamespace and hostPID cannot both be enabled";
    errors.push(invalid(`${field}.shareProcessNamespace`, true, detail));
  }
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    const path = `${field}.hostAliases[${index}]`;
    if (ipFamily(alias.ip ?? "") === undefined) {
      errors.push(invalid(`${path}.ip`, alias.ip, "must be a valid IP address"));
    }
    for (const [at, hostname] of (alias.hostnames ?? []).entries()) {
      errors.push(...named(`${path}.hostnames[${at}]`, hostname, dns1123Subdomain));
    }
  }
  return errors;
}
