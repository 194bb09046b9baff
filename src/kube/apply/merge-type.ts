/**
 * How values of a schema merge: field by field, as a whole, or element by element. The rules are
 * those by which Kubernetes turns OpenAPI into structured-merge-diff types.
 */
import { definition, resolve } from "../schema/definitions.ts";
import type { Schema } from "../schema/schema.ts";

type ListMerge = "atomic" | "set" | "map";

export interface MergeType {
  /** An object is one value, replaced as a whole. */
  readonly atomicMap: boolean;
  readonly list: ListMerge;
  /** The fields that identify an element of a `map` list, sorted. */
  readonly keys: readonly string[];
  /** Null is a value; elsewhere it means that the field is absent. */
  readonly nullable: boolean;
  /** Compared by value: `1000m` is `1`. */
  readonly quantity: boolean;
  /** Whether the schema names the field, as opposed to a key of a map. */
  declares(name: string): boolean;
  /** The type of a field or of a map's entry. */
  field(name: string): MergeType;
  /** The type of the elements of a list. */
  element(): MergeType;
  /** The default of a key field, for elements that leave it out. */
  keyDefault(key: string): unknown;
}

/** Without a schema: objects merge, lists are replaced. */
const DEDUCED: MergeType = {
  atomicMap: false,
  list: "atomic",
  keys: [],
  nullable: true,
  quantity: false,
  declares: () => false,
  field: () => DEDUCED,
  element: () => DEDUCED,
  keyDefault: () => undefined,
};

const types = new WeakMap<Schema, MergeType>();

/** The merge type of a schema; the same schema always gives the same type. */
function mergeTypeOf(schema: Schema): MergeType {
  const known = types.get(schema);
  if (known !== undefined) return known;
  const type = new SchemaType(resolve(schema));
  types.set(schema, type);
  return type;
}

class SchemaType implements MergeType {
  readonly atomicMap: boolean;
  readonly list: ListMerge;
  readonly keys: readonly string[];
  readonly nullable: boolean;
  readonly quantity: boolean;
  private readonly schema: Schema;
  private readonly fields = new Map<string, MergeType>();

  constructor(schema: Schema) {
    this.schema = schema;
    this.atomicMap = isAtomicMap(schema);
    this.list = listMergeOf(schema);
    this.keys = this.list === "map" ? [...keysOf(schema)].sort() : [];
    this.nullable = schema.nullable === true;
    this.quantity = schema.format === "quantity";
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (property.$ref === undefined) this.fields.set(name, mergeTypeOf(property));
    }
  }

  declares(name: string): boolean {
    return this.schema.properties !== undefined && Object.hasOwn(this.schema.properties, name);
  }

  field(name: string): MergeType {
    const known = this.fields.get(name);
    if (known !== undefined) return known;
    const property = this.declares(name) ? this.schema.properties?.[name] : undefined;
    if (property === undefined) return this.entry();
    const type = mergeTypeOf(property);
    this.fields.set(name, type);
    return type;
  }

  private entry(): MergeType {
    const { additionalProperties } = this.schema;
    return typeof additionalProperties === "object" ? mergeTypeOf(additionalProperties) : DEDUCED;
  }

  element(): MergeType {
    return this.schema.items === undefined ? DEDUCED : mergeTypeOf(this.schema.items);
  }

  keyDefault(key: string): unknown {
    const { items } = this.schema;
    const property = items === undefined ? undefined : resolve(items).properties?.[key];
    return property === undefined ? undefined : resolve(property).default;
  }
}

function isAtomicMap(schema: Schema): boolean {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType !== undefined) return mapType === "atomic";
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return false;
  return schema.properties === undefined && schema.additionalProperties === undefined;
}

/** A list type, or what a patch strategy says where the list type is missing. */
function listMergeOf(schema: Schema): ListMerge {
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "map") return keysOf(schema).length > 0 ? "map" : "atomic";
  if (listType !== undefined) return listType;
  const strategy = schema["x-kubernetes-patch-strategy"]?.split(",") ?? [];
  if (!strategy.includes("merge") || schema.items === undefined) return "atomic";
  if (schema["x-kubernetes-patch-merge-key"] !== undefined) return "map";
  return resolve(schema.items).type === "object" ? "atomic" : "set";
}

function keysOf(schema: Schema): readonly string[] {
  const mergeKey = schema["x-kubernetes-patch-merge-key"];
  return schema["x-kubernetes-list-map-keys"] ?? (mergeKey === undefined ? [] : [mergeKey]);
}

const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const rootTypes = new WeakMap<Schema, MergeType>();
let deducedRoot: MergeType | undefined;

/** The type of a whole object: its `metadata` is always that of Kubernetes. */
export function objectTypeOf(schema: Schema | undefined): MergeType {
  if (schema === undefined) {
    deducedRoot ??= withObjectMeta(DEDUCED);
    return deducedRoot;
  }
  const known = rootTypes.get(schema);
  if (known !== undefined) return known;
  const type = withObjectMeta(mergeTypeOf(schema));
  rootTypes.set(schema, type);
  return type;
}

function withObjectMeta(type: MergeType): MergeType {
  const schema = definition(OBJECT_META);
  const metadata = schema === undefined ? DEDUCED : mergeTypeOf(schema);
  const declared = new Set(["apiVersion", "kind", "metadata"]);
  return {
    atomicMap: false,
    list: "atomic",
    keys: [],
    nullable: false,
    quantity: false,
    declares: (name) => declared.has(name) || type.declares(name),
    field: (name) => (name === "metadata" ? metadata : type.field(name)),
    element: () => DEDUCED,
    keyDefault: () => undefined,
  };
}
