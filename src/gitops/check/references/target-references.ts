/** Objects that act on others: what they name or select must be there. */
import { type Selector, SelectorError, selectorOf } from "../../../kube/label-selector.ts";
import type { Manifest } from "../../render/manifest.ts";
import { at } from "../field-finding.ts";
import type { Finding } from "../finding.ts";
import { groupKind, type ObjectIndex } from "./object-index.ts";
import { fieldAt, itemsAt, labelsAt, textAt } from "./read-field.ts";

/** Roles that every cluster has. */
const DEFAULT_ROLES =
  /^(cluster-admin|admin|edit|view|system:.*|extension-apiserver-authentication-reader)$/;

export function checkAutoscaler(manifest: Manifest, index: ObjectIndex): Finding[] {
  const { object } = manifest;
  const apiVersion = textAt(object, "spec.scaleTargetRef.apiVersion") ?? "v1";
  const kind = textAt(object, "spec.scaleTargetRef.kind");
  const name = textAt(object, "spec.scaleTargetRef.name");
  if (kind === undefined || name === undefined) return [];
  const found = index.find(groupKind({ apiVersion, kind }), index.namespaceOf(object), name);
  return found.length > 0 ? [] : [missing(manifest, "spec.scaleTargetRef.name", kind, name)];
}

export function checkStatefulSet(manifest: Manifest, index: ObjectIndex): Finding[] {
  const name = textAt(manifest.object, "spec.serviceName");
  if (name === undefined) return [];
  const found = index.find("/Service", index.namespaceOf(manifest.object), name);
  return found.length > 0 ? [] : [missing(manifest, "spec.serviceName", "Service", name)];
}

export function checkDisruptionBudget(manifest: Manifest, index: ObjectIndex): Finding[] {
  const selector = selectorAt(manifest.object, "spec.selector");
  if (selector === undefined || index.workloads.length === 0) return [];
  if (index.selected(index.namespaceOf(manifest.object), selector).length > 0) return [];
  return [
    at(manifest, "spec.selector", "value", {
      severity: "warning",
      rule: "references/no-pods",
      message: "spec.selector: it selects no pods of the input",
      suggestion: "Correct the selector, or the labels of the pod template that it is meant for",
    }),
  ];
}

export function checkRoleBinding(manifest: Manifest, index: ObjectIndex): Finding[] {
  const { object } = manifest;
  const namespace = index.namespaceOf(object);
  const findings: Finding[] = [];
  const kind = textAt(object, "roleRef.kind");
  const name = textAt(object, "roleRef.name");
  if (kind !== undefined && name !== undefined && !DEFAULT_ROLES.test(name)) {
    // Cluster-scoped objects are indexed as if they were in the default namespace.
    const home =
      kind === "ClusterRole" ? index.namespaceOf({ ...object, metadata: { name } }) : namespace;
    if (index.find(`rbac.authorization.k8s.io/${kind}`, home, name).length === 0)
      findings.push(missing(manifest, "roleRef.name", kind, name));
  }
  for (const [position, subject] of itemsAt(object, "subjects")) {
    const account = textAt(subject, "name");
    if (
      fieldAt(subject, "kind") !== "ServiceAccount" ||
      account === undefined ||
      account === "default"
    )
      continue;
    const home = textAt(subject, "namespace") ?? namespace;
    if (index.find("/ServiceAccount", home, account).length === 0)
      findings.push(missing(manifest, `subjects[${position}].name`, "ServiceAccount", account));
  }
  return findings;
}

function selectorAt(object: unknown, path: string): Selector | undefined {
  const expressions = itemsAt(object, `${path}.matchExpressions`).flatMap(([, item]) => {
    const key = textAt(item, "key");
    const operator = textAt(item, "operator");
    const values = fieldAt(item, "values");
    if (key === undefined || operator === undefined) return [];
    return [{ key, operator, values: Array.isArray(values) ? values.map(String) : [] }];
  });
  if (fieldAt(object, path) === undefined) return undefined;
  try {
    return selectorOf({
      matchLabels: labelsAt(object, `${path}.matchLabels`),
      matchExpressions: expressions,
    });
  } catch (error) {
    // What is wrong with it is a finding of the object itself.
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

function missing(manifest: Manifest, path: string, kind: string, name: string): Finding {
  return at(manifest, path, "value", {
    severity: "warning",
    rule: `references/no-${kind.toLowerCase()}`,
    message: `${path}: there is no ${kind} ${name} in the input`,
    suggestion: "Add it, or correct the name",
  });
}
