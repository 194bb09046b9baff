/** What is allowed in a pod spec but probably not meant; sent as `Warning` headers. */
import { isObject, type UnknownObject } from "../../json-object.ts";
import { tryQuantity } from "./resources.ts";

const NANOS = 1_000_000_000n;
const BYTE_RESOURCES = ["memory", "ephemeral-storage"];

/** Labels of nodes that Kubernetes renamed, with their present names. */
const RENAMED_NODE_LABELS: ReadonlyMap<string, string> = new Map([
  ["beta.kubernetes.io/arch", "kubernetes.io/arch"],
  ["beta.kubernetes.io/os", "kubernetes.io/os"],
  ["beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"],
  ["failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"],
  ["failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"],
]);

/** Takes any JSON: what does not have the expected shape is for the schema check to report. */
export function podSpecWarnings(spec: unknown, field: string): string[] {
  if (!isObject(spec)) return [];
  const warnings = ["initContainers", "containers"].flatMap((list) =>
    objectsIn(spec[list]).flatMap(([index, container]) => {
      const path = `${field}.${list}[${index}]`;
      const resources = isObject(container.resources) ? container.resources : {};
      return [
        ...hiddenVariables(container.env, `${path}.env`),
        ...fractionalBytes(resources.requests, `${path}.resources.requests`),
        ...fractionalBytes(resources.limits, `${path}.resources.limits`),
      ];
    }),
  );
  warnings.push(...deprecatedNames(spec, field));
  const grace = spec.terminationGracePeriodSeconds;
  if (typeof grace === "number" && grace < 0) {
    warnings.push(`${field}.terminationGracePeriodSeconds: ${grace} is treated as 1`);
  }
  return warnings;
}

function deprecatedNames(spec: UnknownObject, field: string): string[] {
  const warnings: string[] = [];
  if (typeof spec.serviceAccount === "string" && spec.serviceAccountName === undefined) {
    warnings.push(`${field}.serviceAccount: deprecated; use serviceAccountName`);
  }
  for (const label of Object.keys(isObject(spec.nodeSelector) ? spec.nodeSelector : {})) {
    const current = RENAMED_NODE_LABELS.get(label);
    if (current === undefined) continue;
    warnings.push(`${field}.nodeSelector[${label}]: deprecated; use "${current}"`);
  }
  return warnings;
}

function objectsIn(list: unknown) {
  if (!Array.isArray(list)) return [];
  const items: readonly unknown[] = list;
  return items.flatMap((item, index) => (isObject(item) ? [[index, item] as const] : []));
}

/** Variables that hide an earlier one: apply keeps only one of them. */
function hiddenVariables(env: unknown, field: string): string[] {
  const seen = new Set<string>();
  const warnings: string[] = [];
  for (const [index, { name }] of objectsIn(env)) {
    if (typeof name !== "string") continue;
    if (seen.has(name)) {
      warnings.push(
        `${field}[${index}]: hides previous definition of "${name}", which may be dropped when using apply`,
      );
    }
    seen.add(name);
  }
  return warnings;
}

function fractionalBytes(amounts: unknown, field: string): string[] {
  if (!isObject(amounts)) return [];
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const quantity = tryQuantity(amount);
    return BYTE_RESOURCES.includes(name) && quantity !== undefined && quantity.nanos % NANOS !== 0n
      ? [
          `${field}[${name}]: fractional byte value "${String(amount)}" is invalid, must be an integer`,
        ]
      : [];
  });
}
