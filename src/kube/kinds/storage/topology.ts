/** Rules for `allowedTopologies` of a StorageClass (`ValidateTopologySelectorTerm` upstream). */
import type { TopologySelectorTerm } from "kubernetes-types/core/v1";
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { labelValue, qualifiedName } from "../../names.ts";
import { duplicate, named, required } from "../field-problems.ts";

type Expressions = ReadonlyMap<string, readonly string[]>;

export function validateTopologies(
  terms: readonly TopologySelectorTerm[],
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen: Expressions[] = [];
  for (const [index, term] of terms.entries()) {
    const path = `${field}[${index}]`;
    const expressions = new Map<string, readonly string[]>();
    for (const [at, { key, values }] of (term.matchLabelExpressions ?? []).entries()) {
      const item = `${path}.matchLabelExpressions[${at}]`;
      if (expressions.has(key)) errors.push(duplicate(`${item}.key`, key));
      expressions.set(key, values.toSorted());
      errors.push(...validateRequirement(key, values, item));
    }
    const twin = seen.some((other) => sameExpressions(other, expressions));
    if (twin) errors.push(duplicate(`${path}.matchLabelExpressions`, ""));
    seen.push(expressions);
  }
  return errors;
}

function validateRequirement(key: string, values: readonly string[], field: string): FieldError[] {
  const errors = named(`${field}.key`, key, qualifiedName);
  if (values.length === 0) errors.push(required(`${field}.values`));
  for (const [index, value] of values.entries()) {
    if (values.indexOf(value) < index) errors.push(duplicate(`${field}.values[${index}]`, value));
    errors.push(...named(`${field}.values[${index}]`, value, labelValue));
  }
  return errors;
}

function sameExpressions(a: Expressions, b: Expressions): boolean {
  return a.size === b.size && [...a].every(([key, values]) => deepEqual(b.get(key), values));
}
