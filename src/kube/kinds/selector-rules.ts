/** Rules for label selectors in specs (k8s.io/apimachinery/pkg/apis/meta/v1/validation). */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import { matchesLabels, SelectorError, selectorOf } from "../label-selector.ts";
import { labelValue, qualifiedName } from "../names.ts";
import { forbidden, invalid, named, required } from "./field-problems.ts";
import { validateLabels } from "./metadata.ts";

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
): FieldError[] {
  const errors = validateLabels(selector?.matchLabels, `${field}.matchLabels`);
  for (const [index, expression] of (selector?.matchExpressions ?? []).entries()) {
    const path = `${field}.matchExpressions[${index}]`;
    const values = expression.values ?? [];
    if (expression.operator === "In" || expression.operator === "NotIn") {
      if (values.length === 0) {
        const detail = "must be specified when `operator` is 'In' or 'NotIn'";
        errors.push(required(`${path}.values`, detail));
      }
    } else if (expression.operator === "Exists" || expression.operator === "DoesNotExist") {
      if (values.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbidden(`${path}.values`, detail));
      }
    }
    errors.push(...named(`${path}.key`, expression.key, qualifiedName));
    for (const [at, value] of values.entries()) {
      errors.push(...named(`${path}.values[${at}]`, value, labelValue));
    }
  }
  return errors;
}

/** The selector of a workload: present, not empty, valid, and matching its own pod template. */
export function validateWorkloadSelector(
  selector: LabelSelector | undefined,
  templateLabels: Readonly<Record<string, string>> | undefined,
  kind: string,
): FieldError[] {
  const field = "spec.selector";
  if (selector === undefined) return [required(field)];
  const errors = validateLabelSelector(selector, field);
  const terms =
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  if (terms === 0) {
    errors.push(invalid(field, selector, `empty selector is invalid for ${kind}`));
  } else if (errors.length === 0 && !matches(selector, templateLabels)) {
    const detail = "`selector` does not match template `labels`";
    errors.push(invalid("spec.template.metadata.labels", templateLabels ?? {}, detail));
  }
  return errors;
}

function matches(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  try {
    return matchesLabels(selectorOf(selector), labels ?? {});
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
