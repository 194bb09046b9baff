/** Rules and bindings (upstream: pkg/apis/rbac/validation/validation.go). */
import type { PolicyRule, RoleRef, Subject } from "kubernetes-types/rbac/v1";
import type { FieldError } from "../field-error.ts";
import {
  forbidden,
  immutable,
  invalid,
  isBlank,
  named,
  notSupported,
  required,
  requiredName,
} from "../kinds/field-problems.ts";
import { dns1123Label, dns1123Subdomain, pathSegment } from "../names.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

export function validateRules(
  rules: readonly PolicyRule[] | undefined,
  isNamespaced: boolean,
): FieldError[] {
  return (rules ?? []).flatMap((rule, index) =>
    validateRule(`rules[${index}]`, rule, isNamespaced),
  );
}

function validateRule(path: string, rule: PolicyRule, isNamespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0)
    errors.push(required(`${path}.verbs`, "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    if (isNamespaced)
      errors.push(
        invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          "namespaced rules cannot apply to non-resource URLs",
        ),
      );
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      errors.push(
        invalid(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          "rules cannot apply to both regular resources and non-resource URLs",
        ),
      );
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(`${path}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0)
    errors.push(required(`${path}.resources`, "resource rules must supply at least one resource"));
  return errors;
}

export interface Binding {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** @param roleKinds what may be bound: `ClusterRole`, within a namespace `Role` too */
export function validateBinding(
  { roleRef, subjects = [] }: Binding,
  roleKinds: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP)
    errors.push(notSupported("roleRef.apiGroup", roleRef.apiGroup, [RBAC_GROUP]));
  if (!roleKinds.includes(roleRef.kind))
    errors.push(notSupported("roleRef.kind", roleRef.kind, roleKinds));
  errors.push(...requiredName("roleRef.name", roleRef.name, pathSegment));
  for (const [index, subject] of subjects.entries())
    errors.push(...validateSubject(`subjects[${index}]`, subject, roleKinds.includes("Role")));
  return errors;
}

function validateSubject(path: string, subject: Subject, isNamespaced: boolean): FieldError[] {
  const { kind, name, apiGroup = "", namespace = "" } = subject;
  if (isBlank(name)) return [required(`${path}.name`)];
  if (kind !== "ServiceAccount") {
    const errors: FieldError[] = [];
    // Another kind is the schema's to report.
    if (apiGroup !== RBAC_GROUP && (kind === "User" || kind === "Group"))
      errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]));
    if (namespace !== "")
      errors.push(forbidden(`${path}.namespace`, "only service accounts are in namespaces"));
    return errors;
  }
  const errors = named(`${path}.name`, name, dns1123Subdomain);
  if (apiGroup !== "") errors.push(notSupported(`${path}.apiGroup`, apiGroup, [""]));
  if (namespace !== "") errors.push(...named(`${path}.namespace`, namespace, dns1123Label));
  else if (!isNamespaced) errors.push(required(`${path}.namespace`));
  return errors;
}

export function validateBindingUpdate(next: Binding, previous: Binding): FieldError[] {
  return immutable("roleRef", next.roleRef, previous.roleRef).map((error) => ({
    ...error,
    detail: "cannot change roleRef",
  }));
}
