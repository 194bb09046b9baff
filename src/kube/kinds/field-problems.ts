/** The ways a field can be wrong, as upstream's `field.Invalid`, `field.Required`, … */
import { deepEqual } from "../equality.ts";
import type { FieldError } from "../field-error.ts";

export function required(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, detail };
}
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: "FieldValueInvalid", field, detail, value };
}
export function forbidden(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, detail };
}
export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, detail: "", value };
}
export function notFound(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, detail: "", value };
}
export function tooLong(field: string, maxBytes: number): FieldError {
  return { reason: "FieldValueTooLong", field, detail: `may not be more than ${maxBytes} bytes` };
}
export function tooMany(field: string, count: number, max: number): FieldError {
  return {
    reason: "FieldValueTooMany",
    field,
    detail: `must have at most ${max} items`,
    value: count,
  };
}
export function notSupported(
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError {
  const detail = `supported values: ${supported.map((one) => JSON.stringify(one)).join(", ")}`;
  return { reason: "FieldValueNotSupported", field, detail, value };
}

/** Nothing when the value is absent or one of the supported ones. */
export function oneOf(
  field: string,
  value: string | undefined,
  supported: readonly string[],
): FieldError[] {
  return value === undefined || supported.includes(value)
    ? []
    : [notSupported(field, value, supported)];
}

/** One `Invalid` per broken rule, e.g. `named(field, value, dns1123Label)`. */
export function named(
  field: string,
  value: string,
  rule: (value: string) => string[],
): FieldError[] {
  return rule(value).map((detail) => invalid(field, value, detail));
}

/** As {@link named}, and the value must not be empty or absent. */
export function requiredName(
  field: string,
  value: string | undefined,
  rule: (value: string) => string[],
): FieldError[] {
  return isBlank(value) ? [required(field)] : named(field, value, rule);
}

export function isBlank(value: string | undefined): value is undefined | "" {
  return value === undefined || value === "";
}

/** Requires text. */
export function requiredText(field: string, value: string | undefined, detail = ""): FieldError[] {
  return isBlank(value) ? [required(field, detail)] : [];
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0
    ? [invalid(field, value, "must be greater than or equal to 0")]
    : [];
}
export function positive(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value <= 0 ? [invalid(field, value, "must be greater than 0")] : [];
}

/** A field that keeps its value for the life of the object. */
export function immutable(field: string, next: unknown, previous: unknown): FieldError[] {
  return deepEqual(next, previous) ? [] : [invalid(field, next, "field is immutable")];
}

/** The second and further occurrences of a key in a list. */
export function duplicates<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  problem: (index: number, key: string) => FieldError,
): FieldError[] {
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    if (key === undefined || key === "") continue;
    if (seen.has(key)) errors.push(problem(index, key));
    seen.add(key);
  }
  return errors;
}
