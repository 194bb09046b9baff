/** Fields that take a number of pods or a percentage: `maxSurge`, `maxUnavailable`. */
import type { FieldError } from "../field-error.ts";
import { invalid, nonNegative } from "./field-problems.ts";

const PERCENT = /^\d+%$/;

export function validateCountOrPercent(field: string, value: number | string): FieldError[] {
  if (typeof value === "number") return nonNegative(field, value);
  return PERCENT.test(value)
    ? []
    : [invalid(field, value, "must be a number of pods (e.g. 1) or a percentage (e.g. '25%')")];
}

export function isZeroCount(value: number | string): boolean {
  return value === 0 || (typeof value === "string" && Number.parseInt(value, 10) === 0);
}

/** As {@link validateCountOrPercent}, and no more than all. */
export function validateShare(field: string, value: number | string): FieldError[] {
  const errors = validateCountOrPercent(field, value);
  if (typeof value === "string" && Number.parseInt(value, 10) > 100)
    errors.push(invalid(field, value, "must not be greater than 100%"));
  return errors;
}
