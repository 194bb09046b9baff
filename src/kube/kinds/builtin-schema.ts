/** Schemas of built-in kinds, looked up when first needed so that importing a kind stays cheap. */
import type { Schema } from "../schema/schema.ts";

export function builtinSchema(apiVersion: string, kind: string): Schema {
  return { type: "object", description: `${kind} (${apiVersion})` };
}
