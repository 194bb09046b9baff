/**
 * What the fields of a protobuf message are: their numbers come from `schemas/protobuf`, their names
 * and types from the schema of the kind.
 */
import fieldNumbers from "../../../schemas/protobuf/field-numbers.json" with { type: "json" };
import { definition } from "../schema/definitions.ts";
import type { Schema } from "../schema/schema.ts";

/** How a value is encoded, and what it is in JSON. */
export type ValueType =
  | "string"
  | "bytes"
  | "integer"
  | "boolean"
  | "double"
  | "time"
  | "microTime"
  | "quantity"
  | "intOrString"
  /** A message whose first field holds JSON. */
  | "json"
  | "schemaOrBool"
  | "schemaOrArray"
  | "schemaOrStringArray"
  | { readonly message: string }
  | { readonly list: ValueType }
  | { readonly map: ValueType };

export interface MessageField {
  readonly name: string;
  readonly type: ValueType;
  /** Whether `0`, `""` and `false` say something else than an absent field. */
  readonly keepsZero: boolean;
}
/** A message whose fields are those of the message that it is in: an embedded struct in Go. */
export interface InlineMessage {
  readonly inline: MessageFields;
}
/** By field number. */
export type MessageFields = ReadonlyMap<number, MessageField | InlineMessage>;

/**
 * Definition → field → number. `?` after a field: a pointer in Go, whose zero value means something.
 * `...` before a definition: its fields are inlined. Facts of the `protobuf` tags of k8s.io/api 0.35.
 */
const NUMBERS: Readonly<Record<string, Readonly<Record<string, number>>>> = fieldNumbers;

const WELL_KNOWN: Readonly<Record<string, ValueType>> = {
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microTime",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "json",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "json",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intOrString",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "json",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "schemaOrBool",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":
    "schemaOrArray",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray":
    "schemaOrStringArray",
};

const known = new Map<string, MessageFields>();

/** The fields of a definition; empty where upstream's message has none, or none that is known. */
export function messageFields(name: string): MessageFields {
  let fields = known.get(name);
  if (fields === undefined) {
    fields = fieldsOf(name, definition(name) ?? {});
    known.set(name, fields);
  }
  return fields;
}

/** @param schema names the fields: for an inlined message that of the message around it */
function fieldsOf(name: string, schema: Schema): MessageFields {
  const fields = new Map<number, MessageField | InlineMessage>();
  for (const [key, number] of Object.entries(NUMBERS[name] ?? {})) {
    if (key.startsWith("...")) {
      fields.set(number, { inline: fieldsOf(key.slice("...".length), schema) });
      continue;
    }
    const isPointer = key.endsWith("?");
    const field = isPointer ? key.slice(0, -1) : key;
    const ofField = schema.properties?.[field];
    if (ofField === undefined) continue;
    const keepsZero = isPointer || schema.required?.includes(field) === true;
    fields.set(number, { name: field, type: typeOf(ofField), keepsZero });
  }
  return fields;
}

function typeOf(schema: Schema): ValueType {
  const { $ref, type, format, items, additionalProperties } = schema;
  if ($ref !== undefined) return WELL_KNOWN[$ref] ?? { message: $ref };
  if (type === "array" && items !== undefined) return { list: typeOf(items) };
  if (type === "object" && typeof additionalProperties === "object")
    return { map: typeOf(additionalProperties) };
  if (type === "string") return format === "byte" ? "bytes" : "string";
  if (type === "integer") return "integer";
  if (type === "boolean") return "boolean";
  if (type === "number") return "double";
  throw new Error(`a field of type ${type ?? "unknown"} has no protobuf encoding`);
}
