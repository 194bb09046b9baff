/**
 * The built-in definitions, by name and by kind. They come from `schemas/`; everything that asks
 * what a field is (validation, defaults, patches, OpenAPI) starts here.
 */
import { definitionFiles } from "../../../schemas/index.ts";
import { apiVersionOf, deepFreeze } from "../object.ts";
import type { Schema } from "./schema.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Definitions {
  readonly byName: ReadonlyMap<string, Schema>;
  readonly byKind: ReadonlyMap<string, Schema>;
  readonly names: WeakMap<Schema, string>;
}

let loaded: Definitions | undefined;

function load(): Definitions {
  if (loaded !== undefined) return loaded;
  const byName = new Map<string, Schema>();
  const byKind = new Map<string, Schema>();
  const names = new WeakMap<Schema, string>();
  for (const file of Object.values(definitionFiles)) {
    for (const [name, schema] of Object.entries(file) as [string, Schema][]) {
      byName.set(name, schema);
      names.set(schema, name);
      for (const gvk of schema["x-kubernetes-group-version-kind"] ?? []) {
        byKind.set(kindId(apiVersionOf(gvk), gvk.kind), schema);
      }
    }
  }
  loaded = { byName, byKind, names };
  return loaded;
}

const kindId = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`;

/** A definition by its upstream name, e.g. `io.k8s.api.core.v1.PodSpec`. */
export function definition(name: string): Schema | undefined {
  return load().byName.get(name);
}

/** The name of a definition, e.g. of what {@link schemaOf} returned; undefined for other schemas. */
export function definitionNameOf(schema: Schema): string | undefined {
  return load().names.get(schema);
}

/** The schema of a built-in kind or of one of Gantry's own, e.g. `apps/v1` and `Deployment`. */
export function schemaOf(apiVersion: string, kind: string): Schema | undefined {
  return load().byKind.get(kindId(apiVersion, kind));
}

/** Every kind that has a schema, lists (`PodList`) and one-off requests (`TokenReview`) included. */
export function allBuiltinGvks(): GroupVersionKind[] {
  return [...load().byName.values()].flatMap(
    (schema) => schema["x-kubernetes-group-version-kind"] ?? [],
  );
}

const resolved = new WeakMap<Schema, Schema>();

/**
 * The schema itself, or what its `$ref` names with what stands beside the `$ref` laid over it (a
 * default or description of the field). The same schema always gives the same object.
 * @throws Error when the `$ref` names no definition
 */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const known = resolved.get(schema);
  if (known !== undefined) return known;
  const target = definition(schema.$ref);
  if (target === undefined) throw new Error(`schema refers to unknown definition ${schema.$ref}`);
  const { $ref: _, ...beside } = schema;
  const merged =
    Object.keys(beside).length === 0
      ? resolve(target)
      : deepFreeze({ ...resolve(target), ...beside });
  resolved.set(schema, merged);
  return merged;
}

/** Whether the schema refers to, or is, a built-in definition: its nulls then mean "absent". */
export function isBuiltin(schema: Schema): boolean {
  return schema.$ref !== undefined || load().names.has(schema);
}
