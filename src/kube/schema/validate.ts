/**
 * Whether a value fits its schema, in the words of Kubernetes field errors. Fields the schema does
 * not know are not reported here but by `unknown-fields.ts`: whether they matter is the caller's choice.
 */
import type { FieldError } from "../field-error.ts";
import type { Json } from "../object.ts";
import { jsonTypeOf } from "./json-type.ts";
import { FieldPath } from "./field-path.ts";
import type { Findings } from "./findings.ts";
import { checkDuplicates } from "./list-duplicates.ts";
import type { Schema } from "./schema.ts";
import { isSound } from "./sound.ts";
import { isObject, isZero, type Shape, shapeOf } from "./shape.ts";
import { checkList, checkObject, checkScalar } from "./value-rules.ts";

/** A value with more errors than this is reported by its first ones: nobody reads further. */
const MAX_ERRORS = 100;

/**
 * All problems of a value, at most {@link MAX_ERRORS}. Nulls inside built-in definitions count as
 * absent, as upstream's decoder has it; in custom resources they must be declared `nullable`.
 *
 * @param path field path of the value itself, when it is part of an object
 */
export function validate(schema: Schema, value: unknown, path = ""): FieldError[] {
  const findings: Findings = { errors: [], path: new FieldPath(path) };
  check(shapeOf(schema), value, findings);
  return findings.errors;
}

function check(shape: Shape, value: unknown, findings: Findings): void {
  if (findings.errors.length >= MAX_ERRORS) return;
  if (value === null) {
    if (!shape.nullable && !shape.open) wrongType(shape, value, findings);
    return;
  }
  const { schema } = shape;
  if (shape.anyOf !== undefined) return checkUnion(shape.anyOf, value, findings);
  if (!hasType(shape, value)) return wrongType(shape, value, findings);
  if (typeof value !== "object") checkScalar(shape, value, findings);
  else if (Array.isArray(value)) checkItems(shape, value, findings);
  else if (isSound(shape, value)) return;
  else checkFields(shape, value as Readonly<Record<string, unknown>>, findings);
  if (schema.enum !== undefined) checkEnum(schema.enum, value, findings);
  if (!shape.builtin) checkJunctors(schema, value, findings);
}

function hasType(shape: Shape, value: unknown): boolean {
  const { schema } = shape;
  if (schema["x-kubernetes-int-or-string"] === true)
    return typeof value === "string" || Number.isInteger(value);
  switch (schema.type) {
    case undefined:
      return true;
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
      return (
        typeof value === "string" || (schema.format === "quantity" && typeof value === "number")
      );
    case "number":
    case "boolean":
      return typeof value === schema.type;
    default:
      return false;
  }
}

function wrongType({ schema }: Shape, value: unknown, { errors, path }: Findings): void {
  const wanted =
    schema["x-kubernetes-int-or-string"] === true ? "integer or string" : (schema.type ?? "any");
  const found = jsonTypeOf(value);
  errors.push({
    reason: "FieldValueTypeInvalid",
    field: path.toString(),
    detail: `must be of type ${wanted}: ${JSON.stringify(found)}`,
    value: found,
  });
}

function checkFields(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  findings: Findings,
): void {
  const { path, errors } = findings;
  const { properties, additional, schema } = shape;
  for (const key in value) {
    const field = value[key];
    if (field === undefined) continue;
    const known = properties.get(key);
    const child = known ?? additional;
    if (child === undefined || (field === null && child.builtin) || isZero(child, field)) continue;
    path.push(key, known === undefined);
    check(child, field, findings);
    path.pop();
  }
  if (schema.required !== undefined) {
    for (const name of schema.required) {
      if (isPresent(shape, Object.hasOwn(value, name) ? value[name] : undefined, name)) continue;
      path.push(name);
      errors.push({ reason: "FieldValueRequired", field: path.toString(), detail: "" });
      path.pop();
    }
  }
  checkObject(schema, value, findings);
}

function isPresent(shape: Shape, field: unknown, name: string): boolean {
  if (field === undefined || (field === null && shape.builtin)) return false;
  const child = shape.properties.get(name);
  return child === undefined || !isZero(child, field);
}

function checkItems(shape: Shape, value: readonly unknown[], findings: Findings): void {
  const { items } = shape;
  if (items !== undefined) {
    for (let at = 0; at < value.length; at += 1) {
      findings.path.push(at);
      check(items, value[at], findings);
      findings.path.pop();
    }
  }
  checkList(shape.schema, value, findings);
  checkDuplicates(shape, value, findings);
}

/** Members of a built-in union differ in JSON type, so that the value itself names its member. */
function checkUnion(members: readonly Shape[], value: unknown, findings: Findings): void {
  const member = members.find((each) => hasType(each, value));
  if (member !== undefined) return check(member, value, findings);
  const wanted = members.map((each) => each.schema.type ?? "any").join(" or ");
  const found = jsonTypeOf(value);
  findings.errors.push({
    reason: "FieldValueTypeInvalid",
    field: findings.path.toString(),
    detail: `must be of type ${wanted}: ${JSON.stringify(found)}`,
    value: found,
  });
}

function checkEnum(allowed: readonly Json[], value: unknown, { errors, path }: Findings): void {
  const scalar = typeof value !== "object";
  const text = scalar ? "" : JSON.stringify(value);
  if (allowed.some((each) => each === value || (!scalar && JSON.stringify(each) === text))) return;
  errors.push({
    reason: "FieldValueNotSupported",
    field: path.toString(),
    detail: `supported values: ${allowed.map((each) => JSON.stringify(each)).join(", ")}`,
    value,
  });
}

function checkJunctors(schema: Schema, value: unknown, findings: Findings): void {
  const { errors, path } = findings;
  const fits = (each: Schema): boolean => validate(each, value).length === 0;
  const fail = (detail: string): void => {
    errors.push({ reason: "FieldValueInvalid", field: path.toString(), detail, value });
  };
  for (const each of schema.allOf ?? []) check(shapeOf(each), value, findings);
  if (schema.anyOf !== undefined && !schema.anyOf.some(fits))
    fail("must validate at least one schema (anyOf)");
  if (schema.oneOf !== undefined && schema.oneOf.filter(fits).length !== 1)
    fail("must validate one and only one schema (oneOf)");
  if (schema.not !== undefined && fits(schema.not)) fail("must not validate the schema (not)");
}
