/** The rules a schema can set for one value: bounds, lengths, patterns and formats. */
import type { FieldErrorReason } from "../field-error.ts";
import type { Schema } from "./schema.ts";
import type { Shape } from "./shape.ts";
import type { Findings } from "./findings.ts";

function report(
  findings: Findings,
  detail: string,
  value?: unknown,
  reason: FieldErrorReason = "FieldValueInvalid",
): void {
  findings.errors.push({
    reason,
    field: findings.path.toString(),
    detail,
    ...(value === undefined ? {} : { value }),
  });
}

export function checkScalar(shape: Shape, value: unknown, findings: Findings): void {
  if (typeof value === "string") checkString(shape, value, findings);
  else if (typeof value === "number") checkNumber(shape.schema, value, findings);
  const { format } = shape;
  if (format === undefined || (typeof value !== "string" && typeof value !== "number")) return;
  if (!format.test(value))
    report(findings, format.detail, format.secret === true ? undefined : value);
}

function checkString(shape: Shape, value: string, findings: Findings): void {
  const { minLength, maxLength, pattern } = shape.schema;
  if (minLength !== undefined && characters(value) < minLength)
    report(findings, `should be at least ${minLength} chars long`, value);
  if (maxLength !== undefined && value.length > maxLength && characters(value) > maxLength)
    report(
      findings,
      `may not be more than ${maxLength} characters`,
      undefined,
      "FieldValueTooLong",
    );
  if (shape.pattern !== undefined && !shape.pattern.test(value))
    report(findings, `should match '${pattern}'`, value);
}

/** Length in code points, as Go counts runes. */
function characters(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

function checkNumber(schema: Schema, value: number, findings: Findings): void {
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum)
      report(findings, `should be greater than ${minimum}`, value);
    else if (value < minimum)
      report(findings, `should be greater than or equal to ${minimum}`, value);
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum)
      report(findings, `should be less than ${maximum}`, value);
    else if (value > maximum) report(findings, `should be less than or equal to ${maximum}`, value);
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
    report(findings, `should be a multiple of ${multipleOf}`, value);
}

export function checkList(schema: Schema, value: readonly unknown[], findings: Findings): void {
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && value.length < minItems)
    report(findings, `should have at least ${minItems} items`, value.length);
  if (maxItems !== undefined && value.length > maxItems)
    report(findings, `must have at most ${maxItems} items`, value.length, "FieldValueTooMany");
}

export function checkObject(schema: Schema, value: object, findings: Findings): void {
  const { minProperties, maxProperties } = schema;
  if (minProperties === undefined && maxProperties === undefined) return;
  const count = Object.keys(value).length;
  if (minProperties !== undefined && count < minProperties)
    report(findings, `should have at least ${minProperties} properties`, count);
  if (maxProperties !== undefined && count > maxProperties)
    report(findings, `must have at most ${maxProperties} properties`, count, "FieldValueTooMany");
}
