/**
 * `components.schemas` of the OpenAPI v3 document of a group and version, in the form that Kubernetes
 * publishes: one component per definition, references among them, `allOf` where something stands
 * beside a reference.
 */
import { definition, definitionNameOf, type GroupVersionKind, schemaOf } from "./definitions.ts";
import type { Descriptions } from "./descriptions.ts";
import type { Schema } from "./schema.ts";

interface KindWithSchema extends GroupVersionKind {
  readonly schema: Schema;
}

const PREFIX = "#/components/schemas/";
const LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
/** What requests and answers of every group use, beside the kinds themselves. */
const ALWAYS = ["DeleteOptions", "Patch", "Status", "WatchEvent"].map(
  (name) => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`,
);
/** Types that JSON Schema cannot name with a single `type`. */
const SEVERAL_TYPES: Readonly<Record<string, object>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": {
    oneOf: [{ type: "string" }, { type: "number" }],
  },
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  },
};

/**
 * The component that describes a kind: the upstream definition name, or for custom kinds the reversed
 * group, the version and the kind (`com.example.v1.Backup`).
 */
export function openApiSchemaName(kind: KindWithSchema): string {
  return (
    definitionNameOf(kind.schema) ??
    [...kind.group.split(".").toReversed(), kind.version, kind.kind].join(".")
  );
}

/** The names of all built-in definitions that the kinds reach: what to load descriptions for. */
export function reachedDefinitions(kinds: readonly KindWithSchema[]): Set<string> {
  const reached = new Set<string>();
  const visit = (schema: Schema): void => {
    if (schema.$ref !== undefined) enter(schema.$ref);
    for (const child of childrenOf(schema)) visit(child);
  };
  const enter = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    const schema = definition(name);
    if (schema !== undefined) visit(schema);
  };
  for (const name of ALWAYS) enter(name);
  for (const kind of kinds) {
    const name = definitionNameOf(kind.schema);
    if (name === undefined) {
      visit(kind.schema);
      enter(LIST_META);
    } else enter(name);
    const list = listDefinition(kind);
    if (list !== undefined) enter(list);
  }
  return reached;
}

function childrenOf(schema: Schema): Schema[] {
  const { properties = {}, items, additionalProperties, allOf, anyOf, oneOf, not } = schema;
  return [
    ...Object.values(properties),
    ...(items === undefined ? [] : [items]),
    ...(typeof additionalProperties === "object" ? [additionalProperties] : []),
    ...(allOf ?? []),
    ...(anyOf ?? []),
    ...(oneOf ?? []),
    ...(not === undefined ? [] : [not]),
  ];
}

function listDefinition(kind: KindWithSchema): string | undefined {
  const { group, version } = kind;
  const list = schemaOf(group === "" ? version : `${group}/${version}`, `${kind.kind}List`);
  return list === undefined ? undefined : definitionNameOf(list);
}

/** Component name → schema, for the kinds of one group and version and all that they refer to. */
export function openApiSchemas(
  kinds: readonly KindWithSchema[],
  descriptions: Descriptions,
): Record<string, object> {
  const components: Record<string, object> = {};
  for (const name of [...reachedDefinitions(kinds)].toSorted()) {
    const schema = definition(name);
    if (schema !== undefined) components[name] = builtinComponent(name, schema, descriptions[name]);
  }
  for (const kind of kinds) {
    const name = openApiSchemaName(kind);
    if (definitionNameOf(kind.schema) !== undefined) continue;
    components[name] = published(kind.schema);
    components[`${name}List`] = customList(kind, name);
  }
  return components;
}

function builtinComponent(
  name: string,
  schema: Schema,
  descriptions: Descriptions[string] = {},
): object {
  const { "": own, ...fields } = descriptions;
  const several = SEVERAL_TYPES[name];
  const described = own === undefined ? {} : { description: own };
  if (several !== undefined) return { ...described, ...several };
  // Ours alone: upstream says no more than `type: object` of free-form objects.
  const { "x-kubernetes-preserve-unknown-fields": _, ...rest } = schema;
  return { ...described, ...published(rest, fields) };
}

/** A schema as it is shown to clients. */
function published(schema: Schema, fields: Readonly<Record<string, string>> = {}): object {
  const { $ref, "x-gantry-duplicates-allowed": _, "x-gantry-zero-is-absent": __, ...rest } = schema;
  const { properties, items, additionalProperties, ...beside } = rest;
  if ($ref !== undefined) {
    const reference = { $ref: `${PREFIX}${$ref}` };
    return Object.keys(beside).length === 0 ? reference : { ...beside, allOf: [reference] };
  }
  return {
    ...beside,
    ...(properties === undefined ? {} : { properties: publishedFields(properties, fields) }),
    ...(items === undefined ? {} : { items: published(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "object"
              ? published(additionalProperties)
              : additionalProperties,
        }),
    ...Object.fromEntries(
      (["allOf", "anyOf", "oneOf"] as const).flatMap((junctor) => {
        const members = schema[junctor];
        return members === undefined ? [] : [[junctor, members.map((each) => published(each))]];
      }),
    ),
  };
}

function publishedFields(
  properties: Readonly<Record<string, Schema>>,
  descriptions: Readonly<Record<string, string>>,
): Record<string, object> {
  const fields = Object.entries(properties).map(([name, schema]): [string, object] => {
    const description = descriptions[name];
    return [name, published(description === undefined ? schema : { description, ...schema })];
  });
  return Object.fromEntries(fields);
}

function customList(kind: KindWithSchema, item: string): object {
  return {
    description: `${kind.kind}List is a list of ${kind.kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { $ref: `${PREFIX}${LIST_META}` },
      items: { type: "array", items: { $ref: `${PREFIX}${item}` } },
    },
    "x-kubernetes-group-version-kind": [
      { group: kind.group, version: kind.version, kind: `${kind.kind}List` },
    ],
  };
}
