/**
 * What makes the schema of a CustomResourceDefinition structural: every value has one type, and
 * nothing that decides about fields hides in a junctor. Rules of
 * k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go.
 */
import type { FieldError } from "../field-error.ts";
import type { Schema } from "./schema.ts";
import { validate } from "./validate.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
/** What may not stand inside allOf, anyOf, oneOf and not, because it says more than whether a value fits. */
const STRUCTURE = [
  "additionalProperties",
  "default",
  "description",
  "nullable",
  "title",
  "type",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-preserve-unknown-fields",
];
/** Recursion of schemas is not possible, so that only hand-made ones are this deep. */
const MAX_DEPTH = 64;

/**
 * All structural problems of a CRD's `openAPIV3Schema`.
 * @param path field path of the schema, e.g. `spec.versions[0].schema.openAPIV3Schema`
 */
export function structuralErrors(schema: Schema, path: string): FieldError[] {
  if (schema.type !== "object")
    return [{ ...invalid(`${path}.type`, "must be object at the root"), value: schema.type ?? "" }];
  const errors: FieldError[] = [];
  checkSchema(schema, path, errors, 0);
  if (errors.length === 0) checkDefaults(schema, path, errors);
  return errors;
}

const invalid = (field: string, detail: string): FieldError => ({
  reason: "FieldValueInvalid",
  field,
  detail,
});
const forbidden = (field: string, detail: string): FieldError => ({
  reason: "FieldValueForbidden",
  field,
  detail,
});
const required = (field: string, detail: string): FieldError => ({
  reason: "FieldValueRequired",
  field,
  detail,
});

function checkSchema(schema: Schema, path: string, errors: FieldError[], depth: number): void {
  if (depth > MAX_DEPTH) {
    errors.push(invalid(path, `must not be nested deeper than ${MAX_DEPTH} levels`));
    return;
  }
  if (schema.$ref !== undefined) {
    errors.push(forbidden(`${path}.$ref`, "$ref is not supported"));
    return;
  }
  checkType(schema, path, errors);
  checkObjectRules(schema, path, errors);
  checkListRules(schema, path, errors);
  checkPattern(schema, path, errors);
  for (const [child, childPath] of structureOf(schema, path))
    checkSchema(child, childPath, errors, depth + 1);
  for (const [child, childPath] of junctorsOf(schema, path))
    checkJunctor(schema, child, childPath, errors, depth + 1);
}

function structureOf(schema: Schema, path: string): [Schema, string][] {
  const { properties = {}, items, additionalProperties } = schema;
  return [
    ...Object.entries(properties).map(([name, child]): [Schema, string] => [
      child,
      `${path}.properties[${name}]`,
    ]),
    ...(items === undefined ? [] : [[items, `${path}.items`] as [Schema, string]]),
    ...(typeof additionalProperties === "object"
      ? [[additionalProperties, `${path}.additionalProperties`] as [Schema, string]]
      : []),
  ];
}

function junctorsOf(schema: Schema, path: string): [Schema, string][] {
  const lists = (["allOf", "anyOf", "oneOf"] as const).flatMap((name) =>
    (schema[name] ?? []).map((child, at): [Schema, string] => [child, `${path}.${name}[${at}]`]),
  );
  return schema.not === undefined ? lists : [...lists, [schema.not, `${path}.not`]];
}

function checkType(schema: Schema, path: string, errors: FieldError[]): void {
  const free =
    schema["x-kubernetes-int-or-string"] === true ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (schema["x-kubernetes-int-or-string"] === true && schema.type !== undefined)
    errors.push(forbidden(`${path}.type`, "must be empty if x-kubernetes-int-or-string is true"));
  if (schema.type === undefined) {
    if (!free)
      errors.push(required(`${path}.type`, "must not be empty for specified object fields"));
  } else if (!TYPES.includes(schema.type)) {
    errors.push({
      reason: "FieldValueNotSupported",
      field: `${path}.type`,
      detail: `supported values: ${TYPES.map((type) => JSON.stringify(type)).join(", ")}`,
      value: schema.type,
    });
  }
  if (schema.type === "array" && schema.items === undefined)
    errors.push(required(`${path}.items`, "must be specified"));
}

function checkObjectRules(schema: Schema, path: string, errors: FieldError[]): void {
  const { properties, additionalProperties, type } = schema;
  if (
    properties !== undefined &&
    additionalProperties !== undefined &&
    additionalProperties !== false
  )
    errors.push(
      forbidden(`${path}.additionalProperties`, "must not be used together with properties"),
    );
  if (additionalProperties === false)
    errors.push(
      forbidden(
        `${path}.additionalProperties`,
        "must not be false: unknown fields are dropped anyway",
      ),
    );
  if (schema["x-kubernetes-embedded-resource"] === true) {
    if (type !== "object")
      errors.push(
        invalid(`${path}.type`, "must be object if x-kubernetes-embedded-resource is true"),
      );
    if (properties === undefined && schema["x-kubernetes-preserve-unknown-fields"] !== true)
      errors.push(
        required(
          `${path}.properties`,
          "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ),
      );
  }
  if (schema["x-kubernetes-map-type"] !== undefined && type !== "object")
    errors.push(invalid(`${path}.type`, "must be object if x-kubernetes-map-type is specified"));
}

function checkListRules(schema: Schema, path: string, errors: FieldError[]): void {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(`${path}.uniqueItems`, "cannot be set to true: use x-kubernetes-list-type set"),
    );
  if (listType === undefined) {
    if (keys !== undefined)
      errors.push(
        forbidden(`${path}.x-kubernetes-list-map-keys`, "needs x-kubernetes-list-type map"),
      );
    return;
  }
  if (schema.type !== "array")
    errors.push(invalid(`${path}.type`, "must be array if x-kubernetes-list-type is specified"));
  if (listType === "set" && schema.items?.nullable === true)
    errors.push(
      forbidden(`${path}.items.nullable`, "cannot be nullable when x-kubernetes-list-type is set"),
    );
  if (listType !== "map") return;
  if (keys === undefined || keys.length === 0) {
    errors.push(
      required(
        `${path}.x-kubernetes-list-map-keys`,
        "must not be empty if x-kubernetes-list-type is map",
      ),
    );
    return;
  }
  checkMapKeys(schema, keys, path, errors);
}

function checkMapKeys(
  schema: Schema,
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  const { items } = schema;
  if (items?.type !== "object") {
    errors.push(invalid(`${path}.items.type`, "must be object if the parent is of list type map"));
    return;
  }
  keys.forEach((key, at) => {
    const field = `${path}.x-kubernetes-list-map-keys[${at}]`;
    const property = items.properties?.[key];
    if (property === undefined)
      errors.push({ ...invalid(field, "must be the name of a property of the items"), value: key });
    else if (property.type === "object" || property.type === "array")
      errors.push({ ...invalid(field, "must be a scalar property"), value: key });
    else if (property.default === undefined && items.required?.includes(key) !== true)
      errors.push(
        required(
          `${path}.items.properties[${key}].default`,
          "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
      );
    if (keys.indexOf(key) !== at)
      errors.push({ reason: "FieldValueDuplicate", field, detail: "", value: key });
  });
}

/** RE2 has no lookaround and no backreferences: both take more than linear time. */
const NOT_RE2 = /(?<!\\)(?:\\\\)*(?:\(\?<?[=!]|\\[1-9]|\\k<)/;

function checkPattern(schema: Schema, path: string, errors: FieldError[]): void {
  if (schema.pattern === undefined) return;
  try {
    if (NOT_RE2.test(schema.pattern)) throw new SyntaxError("not RE2");
    new RegExp(schema.pattern.replace(/^\(\?[ims]+\)/, ""));
  } catch {
    errors.push({
      ...invalid(`${path}.pattern`, "must be a valid regular expression"),
      value: schema.pattern,
    });
  }
}

/** Junctors may only narrow down what the structure around them allows. */
function checkJunctor(
  around: Schema,
  schema: Schema,
  path: string,
  errors: FieldError[],
  depth: number,
): void {
  if (depth > MAX_DEPTH) {
    errors.push(invalid(path, `must not be nested deeper than ${MAX_DEPTH} levels`));
    return;
  }
  if (schema.$ref !== undefined) {
    errors.push(forbidden(`${path}.$ref`, "$ref is not supported"));
    return;
  }
  for (const name of STRUCTURE) {
    if (!Object.hasOwn(schema, name)) continue;
    if (name === "type" && around["x-kubernetes-int-or-string"] === true) continue;
    errors.push(forbidden(`${path}.${name}`, "must be empty to be structural"));
  }
  checkPattern(schema, path, errors);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const twin = around.properties?.[name];
    const childPath = `${path}.properties[${name}]`;
    if (twin === undefined && around["x-kubernetes-preserve-unknown-fields"] !== true)
      errors.push(
        required(
          childPath.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\]|\.not/g, ""),
          `because it is defined in ${childPath}`,
        ),
      );
    else checkJunctor(twin ?? {}, child, childPath, errors, depth + 1);
  }
  if (schema.items !== undefined)
    checkJunctor(around.items ?? {}, schema.items, `${path}.items`, errors, depth + 1);
  for (const [child, childPath] of junctorsOf(schema, path))
    checkJunctor(around, child, childPath, errors, depth + 1);
}

/** A default must be allowed itself, or every object that relies on it would be refused. */
function checkDefaults(schema: Schema, path: string, errors: FieldError[]): void {
  if (schema.default !== undefined)
    errors.push(...validate(schema, schema.default, `${path}.default`));
  for (const [child, childPath] of structureOf(schema, path))
    checkDefaults(child, childPath, errors);
}
