/** Schemas of built-in kinds, looked up when first needed so that importing a kind stays cheap. */
import { schemaOf } from "../schema/definitions.ts";
import type { Schema } from "../schema/schema.ts";

/** @throws Error when `schemas/` does not describe the kind */
export function builtinSchema(apiVersion: string, kind: string): Schema {
  const schema = schemaOf(apiVersion, kind);
  if (schema === undefined) throw new Error(`no schema for ${kind} in ${apiVersion}`);
  return schema;
}
