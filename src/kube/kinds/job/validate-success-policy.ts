import type { JobSpec } from "kubernetes-types/batch/v1";
import type { FieldError } from "../../field-error.ts";
import { invalid, positive, required, tooMany } from "../field-problems.ts";
import { IndexRangeError, IndexSet } from "./index-set.ts";

const MAX_RULES = 20;

export function validateSuccessPolicy(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.successPolicy?.rules ?? [];
  const path = `${field}.rules`;
  if (rules.length === 0)
    return [
      required(path, "at least one rules must be specified when the successPolicy is specified"),
    ];
  const errors = rules.length > MAX_RULES ? [tooMany(path, rules.length, MAX_RULES)] : [];
  for (const [index, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = `${path}[${index}]`;
    if (succeededCount === undefined && succeededIndexes === undefined)
      errors.push(
        required(at, "at least one of succeededCount or succeededIndexes must be specified"),
      );
    errors.push(...positive(`${at}.succeededCount`, succeededCount));
    const most =
      succeededIndexes === undefined
        ? (spec.completions ?? 0)
        : countOf(succeededIndexes, spec, `${at}.succeededIndexes`, errors);
    if (succeededCount !== undefined && most !== undefined && succeededCount > most)
      errors.push(
        invalid(`${at}.succeededCount`, succeededCount, `must be less than or equal to ${most}`),
      );
  }
  return errors;
}

function countOf(
  text: string,
  { completions = 0 }: JobSpec,
  field: string,
  errors: FieldError[],
): number | undefined {
  try {
    return IndexSet.parse(text, completions).size;
  } catch (error) {
    if (!(error instanceof IndexRangeError)) throw error;
    errors.push(invalid(field, text, error.message));
    return undefined;
  }
}
