/**
 * What rules of roles allow. Pure. Upstream: pkg/registry/rbac/validation and
 * plugin/pkg/auth/authorizer/rbac.
 */
import type { PolicyRule } from "kubernetes-types/rbac/v1";

export type { PolicyRule };

const ALL = "*";

/** Something that is to be done to a resource. */
export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  /** `pods`, or `pods/log`. */
  readonly resource: string;
  readonly name?: string | undefined;
}
export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

export function allowsResource(rule: PolicyRule, asked: ResourceAttributes): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [] } = rule;
  return (
    has(verbs, asked.verb) &&
    has(apiGroups, asked.group) &&
    hasResource(resources, asked.resource) &&
    (resourceNames.length === 0 || (asked.name !== undefined && resourceNames.includes(asked.name)))
  );
}

export function allowsPath(
  { verbs, nonResourceURLs = [] }: PolicyRule,
  asked: PathAttributes,
): boolean {
  return (
    has(verbs, asked.verb) && nonResourceURLs.some((pattern) => matchesPath(pattern, asked.path))
  );
}

const has = (values: readonly string[], value: string): boolean =>
  values.includes(ALL) || values.includes(value);

/** `*` is every resource with every subresource, and star-slash-`log` that subresource of all. */
function hasResource(resources: readonly string[], resource: string): boolean {
  if (has(resources, resource)) return true;
  const slash = resource.indexOf("/");
  return slash >= 0 && resources.includes(`${ALL}${resource.slice(slash)}`);
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === ALL || pattern === path) return true;
  return pattern.endsWith(ALL) && path.startsWith(pattern.slice(0, -1));
}

/** Those of the rules that `owned` does not cover, each broken down to one verb and one resource. */
export function uncovered(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((simple) => !owned.some((rule) => covers(rule, simple)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names = resourceNames.length === 0 ? [undefined] : resourceNames;
  return verbs.flatMap((verb) => [
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        names.map((name) => ({
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
          ...(name === undefined ? {} : { resourceNames: [name] }),
        })),
      ),
    ),
    ...nonResourceURLs.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })),
  ]);
}

/** Of a rule that was broken down. */
function covers(owner: PolicyRule, simple: PolicyRule): boolean {
  const [verb = ""] = simple.verbs;
  if (!has(owner.verbs, verb)) return false;
  const [url] = simple.nonResourceURLs ?? [];
  if (url !== undefined)
    return (owner.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, url));
  const [group = ""] = simple.apiGroups ?? [];
  const [resource = ""] = simple.resources ?? [];
  const [name] = simple.resourceNames ?? [];
  const ownedNames = owner.resourceNames ?? [];
  return (
    has(owner.apiGroups ?? [], group) &&
    hasResource(owner.resources ?? [], resource) &&
    (ownedNames.length === 0 || (name !== undefined && ownedNames.includes(name)))
  );
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`, as upstream writes rules. */
export function describeRule(rule: PolicyRule): string {
  const list = (values: readonly string[]): string =>
    `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
  const parts = [
    ...(rule.apiGroups === undefined ? [] : [`APIGroups:${list(rule.apiGroups)}`]),
    ...(rule.resources === undefined ? [] : [`Resources:${list(rule.resources)}`]),
    ...(rule.resourceNames === undefined ? [] : [`ResourceNames:${list(rule.resourceNames)}`]),
    ...(rule.nonResourceURLs === undefined
      ? []
      : [`NonResourceURLs:${list(rule.nonResourceURLs)}`]),
    `Verbs:${list(rule.verbs)}`,
  ];
  return `{${parts.join(", ")}}`;
}
