import { schemaOf } from "../../../src/kube/schema/definitions.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";

/** The schema of a built-in kind that is known to exist. */
export function builtin(apiVersion: string, kind: string): Schema {
  const schema = schemaOf(apiVersion, kind);
  if (schema === undefined) throw new Error(`no schema of ${kind} ${apiVersion}`);
  return schema;
}
