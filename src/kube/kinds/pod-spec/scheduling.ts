/** Rules for where a pod may run: node selectors, tolerations, affinity, spreading. */
import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from "kubernetes-types/core/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { FieldError } from "../../field-error.ts";
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from "../../names.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  isBlank,
  named,
  notSupported,
  positive,
  required,
  requiredName,
} from "../field-problems.ts";
import { validateLabels } from "../metadata.ts";
import { validateLabelSelector } from "../selector-rules.ts";

const INTEGER = /^[+-]?\d+$/;
const MIN_WEIGHT = 1;
const MAX_WEIGHT = 100;

export function validateScheduling(spec: PodSpec, field: string): FieldError[] {
  const gates = spec.schedulingGates ?? [];
  return [
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...(spec.tolerations ?? []).flatMap((toleration, index) =>
      validateToleration(toleration, `${field}.tolerations[${index}]`),
    ),
    ...(spec.affinity === undefined ? [] : validateAffinity(spec.affinity, `${field}.affinity`)),
    ...validateSpread(spec.topologySpreadConstraints ?? [], `${field}.topologySpreadConstraints`),
    ...gates.flatMap((gate, index) =>
      requiredName(`${field}.schedulingGates[${index}].name`, gate.name, qualifiedName),
    ),
    ...duplicates(
      gates,
      ({ name }) => name,
      (index, name) => duplicate(`${field}.schedulingGates[${index}].name`, name),
    ),
    ...(gates.length > 0 && !isBlank(spec.nodeName)
      ? [
          forbidden(
            `${field}.nodeName`,
            "cannot be set until all schedulingGates have been cleared",
          ),
        ]
      : []),
  ];
}

function validateToleration(toleration: Toleration, field: string): FieldError[] {
  const { key, operator, value, effect, tolerationSeconds } = toleration;
  const errors: FieldError[] = [];
  if (!isBlank(key)) errors.push(...named(`${field}.key`, key, qualifiedName));
  else if (operator !== "Exists") {
    const detail =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${field}.operator`, operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== "NoExecute") {
    const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalid(`${field}.effect`, effect, detail));
  }
  if (operator === undefined || operator === "" || operator === "Equal") {
    errors.push(...named(`${field}.value`, value ?? "", labelValue));
  } else if (operator !== "Exists") {
    errors.push(notSupported(`${field}.operator`, operator, ["Equal", "Exists"]));
  } else if (!isBlank(value)) {
    const detail = "value must be empty when `operator` is 'Exists'";
    errors.push(invalid(`${field}.value`, value, detail));
  }
  return errors;
}

function validateAffinity(affinity: Affinity, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const node = affinity.nodeAffinity;
  const path = `${field}.nodeAffinity`;
  const needed = node?.requiredDuringSchedulingIgnoredDuringExecution;
  if (needed !== undefined) {
    const terms = `${path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
    if ((needed.nodeSelectorTerms ?? []).length === 0) {
      errors.push(required(terms, "must have at least one node selector term"));
    }
    for (const [index, term] of (needed.nodeSelectorTerms ?? []).entries()) {
      errors.push(...validateNodeTerm(term, `${terms}[${index}]`));
    }
  }
  const preferred = node?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [index, { weight, preference }] of preferred.entries()) {
    const item = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    errors.push(...validateWeight(`${item}.weight`, weight));
    errors.push(...validateNodeTerm(preference, `${item}.preference`));
  }
  for (const name of ["podAffinity", "podAntiAffinity"] as const) {
    const pods = affinity[name];
    if (pods !== undefined) errors.push(...validatePodAffinity(pods, `${field}.${name}`));
  }
  return errors;
}

export function validateNodeTerm(term: NodeSelectorTerm, field: string): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
      validateNodeRequirement(requirement, `${field}.matchExpressions[${index}]`),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, index) =>
      validateNodeField(requirement, `${field}.matchFields[${index}]`),
    ),
  ];
}

function validateNodeRequirement(
  requirement: NodeSelectorRequirement,
  field: string,
): FieldError[] {
  const { key, operator } = requirement;
  const values = requirement.values ?? [];
  const errors = named(`${field}.key`, key, qualifiedName);
  const path = `${field}.values`;
  if (operator === "In" || operator === "NotIn") {
    const detail = "must be specified when `operator` is 'In' or 'NotIn'";
    if (values.length === 0) errors.push(required(path, detail));
    for (const [index, value] of values.entries()) {
      errors.push(...named(`${path}[${index}]`, value, labelValue));
    }
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
    if (values.length > 0) errors.push(forbidden(path, detail));
  } else if (operator === "Gt" || operator === "Lt") {
    if (values.length !== 1) {
      const detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
      errors.push(required(path, detail));
    } else if (!INTEGER.test(values[0] ?? "")) {
      errors.push(invalid(`${path}[0]`, values[0], "must be an integer for 'Lt' and 'Gt'"));
    }
  }
  return errors;
}

/** Nodes can be selected by the field `metadata.name` only. */
function validateNodeField(requirement: NodeSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (requirement.key !== "metadata.name") {
    errors.push(invalid(`${field}.key`, requirement.key, "not a valid field selector key"));
  }
  if (requirement.operator !== "In" && requirement.operator !== "NotIn") {
    errors.push(invalid(`${field}.operator`, requirement.operator, "must be 'In' or 'NotIn'"));
  }
  const values = requirement.values ?? [];
  if (values.length !== 1) errors.push(required(`${field}.values`, "must be only one value"));
  return [
    ...errors,
    ...values.flatMap((value, index) =>
      named(`${field}.values[${index}]`, value, dns1123Subdomain),
    ),
  ];
}

function validatePodAffinity(affinity: PodAffinity, field: string): FieldError[] {
  const needed = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...needed.flatMap((term, index) =>
      validatePodTerm(term, `${field}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
    ),
    ...preferred.flatMap(({ weight, podAffinityTerm }, index) => {
      const item = `${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
      return [
        ...validateWeight(`${item}.weight`, weight),
        ...validatePodTerm(podAffinityTerm, `${item}.podAffinityTerm`),
      ];
    }),
  ];
}

function validatePodTerm(term: PodAffinityTerm, field: string): FieldError[] {
  return [
    ...validateLabelSelector(term.labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`),
    ...(term.namespaces ?? []).flatMap((name, index) =>
      named(`${field}.namespaces[${index}]`, name, dns1123Label),
    ),
    ...validateTopologyKey(term.topologyKey, field),
    ...validateTermKeys(term, field),
  ];
}

/** Keys that stand for the pod's own values of these labels. */
function validateTermKeys(term: PodAffinityTerm, field: string): FieldError[] {
  const { matchLabelKeys: same = [], mismatchLabelKeys: other = [], labelSelector } = term;
  const both = same.flatMap((key, index) =>
    other.includes(key)
      ? [
          invalid(
            `${field}.matchLabelKeys[${index}]`,
            key,
            "exists in both matchLabelKeys and mismatchLabelKeys",
          ),
        ]
      : [],
  );
  return [
    ...validateLabelKeys(same, labelSelector, `${field}.matchLabelKeys`),
    ...validateLabelKeys(other, labelSelector, `${field}.mismatchLabelKeys`),
    ...both,
  ];
}

function validateLabelKeys(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  field: string,
): FieldError[] {
  if (keys.length > 0 && selector === undefined)
    return [forbidden(field, "must not be specified when labelSelector is not set")];
  return keys.flatMap((key, index) => named(`${field}[${index}]`, key, qualifiedName));
}

function validateTopologyKey(key: string | undefined, field: string): FieldError[] {
  const path = `${field}.topologyKey`;
  return isBlank(key) ? [required(path, "can not be empty")] : named(path, key, qualifiedName);
}

function validateWeight(field: string, weight: number): FieldError[] {
  return weight < MIN_WEIGHT || weight > MAX_WEIGHT
    ? [invalid(field, weight, `must be in the range ${MIN_WEIGHT}-${MAX_WEIGHT}`)]
    : [];
}

function validateSpread(
  constraints: readonly TopologySpreadConstraint[],
  field: string,
): FieldError[] {
  const errors = constraints.flatMap((constraint, index) => {
    const path = `${field}[${index}]`;
    const { minDomains, whenUnsatisfiable: action } = constraint;
    const problems = [
      ...positive(`${path}.maxSkew`, constraint.maxSkew),
      ...validateTopologyKey(constraint.topologyKey, path),
      ...positive(`${path}.minDomains`, minDomains),
      ...validateLabelSelector(constraint.labelSelector, `${path}.labelSelector`),
    ];
    if (minDomains !== undefined && action !== "DoNotSchedule") {
      const detail = "can only use minDomains if whenUnsatisfiable=DoNotSchedule";
      problems.push(invalid(`${path}.minDomains`, minDomains, detail));
    }
    if (isBlank(action)) problems.push(required(`${path}.whenUnsatisfiable`));
    const { matchLabelKeys = [], labelSelector } = constraint;
    problems.push(...validateLabelKeys(matchLabelKeys, labelSelector, `${path}.matchLabelKeys`));
    const selected = keysOf(labelSelector);
    for (const [at, key] of matchLabelKeys.entries())
      if (selected.has(key)) {
        const detail = "exists in both matchLabelKeys and labelSelector";
        problems.push(invalid(`${path}.matchLabelKeys[${at}]`, key, detail));
      }
    return problems;
  });
  return errors;
}

const keysOf = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}) =>
  new Set([...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)]);
