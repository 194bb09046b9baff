/** The rules that the CRDs of kubernetes-csi give for `spec.source`, in CEL there. */
import type { FieldError } from "../../field-error.ts";
import { invalid, isBlank, required } from "../field-problems.ts";

/** Exactly one of the fields is set. */
export function validateOneSource<F extends string>(
  source: { readonly [field in F]?: string },
  fields: readonly F[],
): FieldError[] {
  const set = fields.filter((field) => !isBlank(source[field]));
  if (set.length === 1) return [];
  const names = fields.join(" and ");
  return [
    set.length === 0
      ? required("spec.source", `exactly one of ${names} must be set`)
      : invalid("spec.source", source, `exactly one of ${names} must be set`),
  ];
}

export function validateFinalSource<F extends string>(
  next: { readonly [field in F]?: string },
  previous: { readonly [field in F]?: string },
  fields: readonly F[],
): FieldError[] {
  return fields
    .filter((field) => next[field] !== previous[field])
    .map((field) => invalid(`spec.source.${field}`, next[field] ?? "", `${field} is immutable`));
}
