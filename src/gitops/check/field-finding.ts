/** A problem with a field, as a finding at its place in the file. */
import type { FieldError, FieldErrorReason } from "../../kube/field-error.ts";
import { fieldErrorMessage } from "../../kube/field-error.ts";
import type { Schema } from "../../kube/schema/schema.ts";
import { findingObject, type Manifest } from "../render/manifest.ts";
import type { Finding, Severity } from "./finding.ts";
import { fieldSuggestion } from "./field-suggestion.ts";
import { nearestName } from "./nearest-name.ts";

/** `schema`: what the kind's fields are; `kind`: the rules of the kind beyond them. */
export type Stage = "schema" | "kind";

const RULES: Readonly<Record<FieldErrorReason, string>> = {
  FieldValueRequired: "required",
  FieldValueDuplicate: "duplicate-entry",
  FieldValueInvalid: "invalid-value",
  FieldValueNotSupported: "unsupported-value",
  FieldValueForbidden: "forbidden",
  FieldValueTooLong: "too-long",
  FieldValueTooMany: "too-many",
  FieldValueTypeInvalid: "wrong-type",
  FieldValueNotFound: "not-found",
};

export function fieldFinding(manifest: Manifest, error: FieldError, stage: Stage): Finding {
  const { field } = error;
  // A missing field stands nowhere: what should hold it does.
  const of = error.reason === "FieldValueRequired" ? "key" : "value";
  const suggestion = suggestionFor(manifest, error);
  return at(manifest, field, of, {
    severity: "error",
    rule: `${stage}/${RULES[error.reason]}`,
    message: `${field}: ${describe(manifest, error)}`,
    ...(suggestion !== undefined && { suggestion }),
  });
}

export function unknownFieldFinding(manifest: Manifest, field: string, schema: Schema): Finding {
  const suggestion = fieldSuggestion(schema, field);
  return at(manifest, field, "key", {
    severity: "error",
    rule: "schema/unknown-field",
    message: `${field}: there is no such field`,
    suggestion: suggestion ?? "Remove it, or check its spelling and indentation",
  });
}

/** A finding about a manifest; `path` is its field, `""` the whole object. */
export function at(
  manifest: Manifest,
  path: string,
  of: "key" | "value",
  details: {
    readonly severity: Severity;
    readonly rule: string;
    readonly message: string;
    readonly suggestion?: string;
    readonly related?: NonNullable<Finding["related"]>;
  },
): Finding {
  const position = path === "" ? manifest.origin : manifest.positionOf(path, of);
  return {
    ...details,
    file: manifest.origin.file,
    line: position.line,
    column: position.column,
    ...(path !== "" && { path }),
    object: findingObject(manifest.object),
  };
}

/** Values of Secrets never show, not even wrong ones. */
function describe({ object }: Manifest, error: FieldError): string {
  if (error.reason === "FieldValueTypeInvalid") return describeType(error);
  if (object.kind !== "Secret") return fieldErrorMessage(error);
  const { value: _, ...withoutValue } = error;
  return fieldErrorMessage(withoutValue);
}

/** `must be an integer, not a string` from `must be of type integer: "string"`. */
function describeType(error: FieldError): string {
  const match = /^must be of type (.+): "(\w+)"$/.exec(error.detail);
  const [, wanted, found] = match ?? [];
  return wanted === undefined || found === undefined
    ? fieldErrorMessage(error)
    : `must be ${withArticle(wanted)}, not ${withArticle(found)}`;
}

function withArticle(type: string): string {
  if (type === "null") return "null";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function suggestionFor({ object }: Manifest, error: FieldError): string | undefined {
  if (error.reason === "FieldValueNotSupported" && typeof error.value === "string") {
    const supported = [...error.detail.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
    const near = nearestName(error.value, supported);
    return near === undefined ? undefined : `Did you mean ${JSON.stringify(near)}?`;
  }
  if (error.reason !== "FieldValueTypeInvalid" || object.kind === "Secret") return undefined;
  return /of type string: "(integer|number|boolean)"/.test(error.detail)
    ? "Put the value in quotes"
    : /of type (integer|number|boolean): "string"/.test(error.detail)
      ? "Write the value without quotes"
      : undefined;
}
