/** Applies the hand-kept tables of `schemas/overlay` to the definitions. */
import type { Schema } from "../../src/kube/schema/schema.ts";
import type { ByModule } from "../overlay/by-module.ts";
import { defaults } from "../overlay/defaults.ts";
import { enums } from "../overlay/enums.ts";
import { byte, double, int64 } from "../overlay/formats.ts";
import { irregular } from "../overlay/irregular.ts";
import { kinds } from "../overlay/kinds.ts";
import { lists, objectStrategies, unmarked } from "../overlay/lists.ts";
import { atomicTypes, mapFields } from "../overlay/maps.ts";
import { removed } from "../overlay/removed.ts";
import { zeros } from "../overlay/zeros.ts";
import type { Definition } from "./definitions.ts";
import { mergeRow } from "./merge-row.ts";

type Properties = Readonly<Record<string, Schema>>;
type Rule = (property: Schema, name: string, definition: Definition) => Schema;

/**
 * The definitions with what the tables say of them.
 * @throws Error naming every row that speaks of a type or field that does not exist
 */
export function applyOverlay(declared: readonly Definition[]): Definition[] {
  checkRows(declared);
  return withIrregular(declared)
    .filter((each) => !removed[each.module]?.[each.name]?.includes(""))
    .map((each) => withType(withProperties(withoutRemoved(each))));
}

/** Declared types with their JSON form, and those that no declaration stands for. */
function withIrregular(declared: readonly Definition[]): Definition[] {
  const present = new Set(declared.map(idOf));
  const added = Object.entries(irregular).flatMap(([module, types]) =>
    Object.entries(types).map(([name, schema]) => ({ module, name, schema, descriptions: {} })),
  );
  return [
    ...declared.map((each) => {
      const schema = irregular[each.module]?.[each.name];
      return schema === undefined ? each : { ...each, schema };
    }),
    ...added.filter((each) => !present.has(idOf(each))),
  ];
}

const idOf = (each: { module: string; name: string }): string => `${each.module} ${each.name}`;

function withoutRemoved(each: Definition): Definition {
  const names = removed[each.module]?.[each.name];
  if (names === undefined) return each;
  const keep = (name: string): boolean => !names.includes(name);
  const properties = Object.entries(each.schema.properties ?? {}).filter(([name]) => keep(name));
  const descriptions = Object.entries(each.descriptions).filter(([name]) => keep(name));
  return {
    ...each,
    schema: { ...each.schema, properties: Object.fromEntries(properties) },
    descriptions: Object.fromEntries(descriptions),
  };
}

const ZERO_IS_ABSENT = { "x-gantry-zero-is-absent": true } as const;

/** Rules for one property each, applied in this order. */
const PROPERTY_RULES: readonly Rule[] = [
  (property, name, each) =>
    has(int64, each, name) ? reformat(property, "integer", "int64") : property,
  (property, name, each) =>
    has(double, each, name) ? reformat(property, "number", "double") : property,
  (property, name, each) =>
    has(byte, each, name) ? reformat(property, "string", "byte") : property,
  listRule,
  (property, name, each) => {
    const strategy = objectStrategies[each.module]?.[each.name]?.[name];
    return strategy === undefined
      ? property
      : { ...property, "x-kubernetes-patch-strategy": strategy };
  },
  (property, name, each) => {
    const mapType = mapFields[each.module]?.[each.name]?.[name];
    return mapType === undefined ? property : { ...property, "x-kubernetes-map-type": mapType };
  },
  (property, name, each) => {
    const value = defaults[each.module]?.[each.name]?.[name];
    return value === undefined ? property : { ...property, default: value };
  },
  (property, name, each) => {
    const values = enums[each.module]?.[each.name]?.[name];
    if (values === undefined) return property;
    return property.items === undefined
      ? { ...property, enum: values, ...(values.includes("") ? {} : ZERO_IS_ABSENT) }
      : { ...property, items: { ...property.items, enum: values } };
  },
  (property, name, each) =>
    has(zeros, each, name) ? { ...property, ...ZERO_IS_ABSENT } : property,
];

const has = (table: ByModule<readonly string[]>, each: Definition, name: string): boolean =>
  table[each.module]?.[each.name]?.includes(name) === true;

/** The format of a scalar, or of the scalars in a list or map. */
function reformat(property: Schema, type: "integer" | "number" | "string", format: string): Schema {
  if (property.items !== undefined)
    return { ...property, items: reformat(property.items, type, format) };
  if (typeof property.additionalProperties === "object")
    return {
      ...property,
      additionalProperties: reformat(property.additionalProperties, type, format),
    };
  return { ...property, type, format };
}

function listRule(property: Schema, name: string, each: Definition): Schema {
  if (property.type !== "array") return property;
  const row = lists[each.module]?.[each.name]?.[name];
  if (row !== undefined) return { ...property, ...mergeRow(row) };
  const isListKind = name === "items" && each.name.endsWith("List");
  if (isListKind || has(unmarked, each, name)) return property;
  return { ...property, "x-kubernetes-list-type": "atomic" };
}

function withProperties(each: Definition): Definition {
  const { properties } = each.schema;
  if (properties === undefined) return each;
  const changed = Object.entries(properties).map(([name, property]): [string, Schema] => [
    name,
    PROPERTY_RULES.reduce((schema, rule) => rule(schema, name, each), property),
  ]);
  const next: Properties = Object.fromEntries(changed);
  return { ...each, schema: { ...each.schema, properties: next } };
}

function withType(each: Definition): Definition {
  const gvks = kinds[each.module]?.[each.name];
  const atomic = atomicTypes[each.module]?.includes(each.name) === true;
  return {
    ...each,
    schema: {
      ...each.schema,
      ...(gvks === undefined ? {} : { "x-kubernetes-group-version-kind": gvks }),
      ...(atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
    },
  };
}

/** A row that hits nothing is a typo, or tells of a type that the package has dropped. */
function checkRows(declared: readonly Definition[]): void {
  const byId = new Map(declared.map((each) => [idOf(each), each.schema.properties ?? {}]));
  const tables: Readonly<Record<string, ByModule<readonly string[]>>> = {
    int64,
    double,
    byte,
    removed,
    unmarked,
    lists: namesOf(lists),
    objectStrategies: namesOf(objectStrategies),
    mapFields: namesOf(mapFields),
    defaults: namesOf(defaults),
    enums: namesOf(enums),
    zeros,
  };
  const stray = Object.entries(tables).flatMap(([table, modules]) =>
    Object.entries(modules).flatMap(([module, types]) =>
      Object.entries(types).flatMap(([type, names]) =>
        names
          .filter((name) => byId.get(`${module} ${type}`)?.[name] === undefined && name !== "")
          .map((name) => `${table}: ${module} ${type}.${name}`),
      ),
    ),
  );
  for (const [module, names] of Object.entries(atomicTypes))
    for (const name of names)
      if (!byId.has(`${module} ${name}`)) stray.push(`atomicTypes: ${module} ${name}`);
  if (stray.length > 0) throw new Error(`overlay rows without a field:\n${stray.join("\n")}`);
}

function namesOf(table: ByModule<Readonly<Record<string, unknown>>>): ByModule<readonly string[]> {
  return Object.fromEntries(
    Object.entries(table).map(([module, types]) => [
      module,
      Object.fromEntries(Object.entries(types).map(([type, rows]) => [type, Object.keys(rows)])),
    ]),
  );
}
