/** Schemas of built-in kinds, looked up when first needed so that importing a kind stays cheap. */
import { schemaOf } from "../schema/definitions.ts";
import type { Schema } from "../schema/schema.ts";

/** @throws Error when `schemas/` lacks the kind: then it was not generated for this version */
export function builtinSchema(apiVersion: string, kind: string): Schema {
  const schema = schemaOf(apiVersion, kind);
  if (schema === undefined) throw new Error(`schemas/ has no definition for ${apiVersion} ${kind}`);
  return schema;
}
