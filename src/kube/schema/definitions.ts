/**
 * The built-in definitions, by name and by kind. They come from `schemas/`; everything that asks
 * what a field is (validation, defaults, patches, OpenAPI) starts here.
 */
import { definitionFiles } from "../../../schemas/index.ts";
import { deepFreeze, parseApiVersion } from "../object.ts";
import type { Schema } from "./schema.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

let loaded: { byName: Map<string, Schema>; byKind: Map<string, Schema> } | undefined;

function load(): { byName: Map<string, Schema>; byKind: Map<string, Schema> } {
  if (loaded !== undefined) return loaded;
  const byName = new Map<string, Schema>();
  const byKind = new Map<string, Schema>();
  for (const file of definitionFiles) {
    for (const [name, schema] of Object.entries(file) as [string, Schema][]) {
      byName.set(name, schema);
      for (const gvk of schema["x-kubernetes-group-version-kind"] ?? []) {
        byKind.set(kindId(gvk), schema);
      }
    }
  }
  loaded = { byName, byKind };
  return loaded;
}

const kindId = (gvk: GroupVersionKind): string => `${gvk.group}/${gvk.version}/${gvk.kind}`;

/** A definition by its upstream name, e.g. `io.k8s.api.core.v1.PodSpec`. */
export function definition(name: string): Schema | undefined {
  return load().byName.get(name);
}

/** All definition names, in no particular order. */
export function definitionNames(): Iterable<string> {
  return load().byName.keys();
}

/** The schema of a built-in kind or of one of Gantry's own, e.g. `apps/v1` and `Deployment`. */
export function schemaOf(apiVersion: string, kind: string): Schema | undefined {
  return load().byKind.get(kindId({ ...parseApiVersion(apiVersion), kind }));
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
  return schema.$ref !== undefined || builtinSet().has(schema);
}

let builtins: WeakSet<Schema> | undefined;
function builtinSet(): WeakSet<Schema> {
  builtins ??= new WeakSet(load().byName.values());
  return builtins;
}
