import type { FieldError } from "../../field-error.ts";
import { invalid } from "../field-problems.ts";
import { tryQuantity } from "../pod-spec/resources.ts";

/** A quantity above zero. What is no quantity at all, the schema reports. */
export function validatePositiveAmount(field: string, text: string | number): FieldError[] {
  const quantity = tryQuantity(text);
  return quantity !== undefined && quantity.nanos <= 0n
    ? [invalid(field, text, "must be greater than zero")]
    : [];
}
