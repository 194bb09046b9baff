/** Schemas as an OpenAPI v3 document has them: what `kubectl explain` and validation read. Pure. */
import { descriptionFiles } from "../../../schemas/index.ts";
import type { Kind } from "../kind.ts";
import { definition, resolve } from "./definitions.ts";
import type { Schema } from "./schema.ts";

const REF_PREFIX = "#/components/schemas/";
type Gvk = Pick<Kind, "group" | "version" | "kind">;

/** `io.k8s.api.apps.v1.Deployment`; for custom kinds the group reversed: `com.example.v1.Widget`. */
export function openApiName(kind: Kind): string {
  const { $ref } = kind.schema;
  if ($ref !== undefined) return $ref;
  const known = builtinName(kind);
  return known ?? [...kind.group.split(".").reverse(), kind.version, kind.kind].join(".");
}

function builtinName(kind: Kind): string | undefined {
  for (const prefix of ["io.k8s.api", "io.k8s.apiextensions-apiserver.pkg.apis", "dev"]) {
    const group = kind.group === "" ? "core" : (kind.group.split(".")[0] ?? "");
    const name = `${prefix}.${group}.${kind.version}.${kind.kind}`;
    if (isOfKind(definition(name), kind)) return name;
  }
  return undefined;
}

function isOfKind(schema: Schema | undefined, { group, version, kind }: Gvk): boolean {
  return (
    schema?.["x-kubernetes-group-version-kind"]?.some(
      (gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind,
    ) === true
  );
}

/** `components.schemas` of these kinds with everything that they refer to, described. */
export async function openApiComponents(kinds: readonly Kind[]): Promise<Record<string, unknown>> {
  const schemas = new Map<string, Schema>();
  for (const kind of kinds) {
    const { group, version } = kind;
    const gvk = { "x-kubernetes-group-version-kind": [{ group, version, kind: kind.kind }] };
    collect(openApiName(kind), { ...resolve(kind.schema), ...gvk }, schemas);
  }
  const descriptions = await describe(schemas.keys());
  return Object.fromEntries(
    [...schemas].map(([name, schema]) => [name, convert(schema, descriptions.get(name))]),
  );
}

function collect(name: string, schema: Schema, found: Map<string, Schema>): void {
  if (found.has(name)) return;
  found.set(name, schema);
  for (const ref of refsIn(schema)) {
    const target = definition(ref);
    if (target !== undefined) collect(ref, target, found);
  }
}

function* refsIn(schema: Schema): Iterable<string> {
  const {
    $ref,
    properties = {},
    items,
    additionalProperties,
    allOf = [],
    anyOf = [],
    oneOf = [],
    not,
  } = schema;
  if ($ref !== undefined) yield $ref;
  const children = [
    ...Object.values(properties),
    ...allOf,
    ...anyOf,
    ...oneOf,
    items,
    not,
    additionalProperties,
  ];
  for (const child of children) if (typeof child === "object") yield* refsIn(child);
}

type Descriptions = Readonly<Record<string, string>>;

/** Loads only the files of the groups that are named. */
async function describe(names: Iterable<string>): Promise<Map<string, Descriptions>> {
  const files = new Set([...names].map((name) => name.split(".").slice(-3, -1).join(".")));
  const found = new Map<string, Descriptions>();
  for (const file of files) {
    const loaded = await descriptionFiles[file]?.();
    for (const [name, texts] of Object.entries(loaded?.default ?? {}))
      found.set(name, texts as Descriptions);
  }
  return found;
}

/** A reference that says more than its target becomes `allOf`, since `$ref` stands alone in OpenAPI v3.0. */
function convert(schema: Schema, texts?: Descriptions): unknown {
  const { $ref, properties, items, additionalProperties, allOf, anyOf, oneOf, not, ...rest } =
    schema;
  const inner = (child: Schema): unknown => convert(child);
  const description = texts?.[""] ?? rest.description;
  const converted: Record<string, unknown> = {
    ...rest,
    ...(description === undefined ? {} : { description }),
  };
  if ($ref !== undefined) {
    const reference = { $ref: REF_PREFIX + $ref };
    if (Object.keys(converted).length === 0) return reference;
    converted["allOf"] = [reference];
  }
  if (properties !== undefined)
    converted["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [
        name,
        described(inner(child), texts?.[name]),
      ]),
    );
  if (items !== undefined) converted["items"] = inner(items);
  if (typeof additionalProperties === "object")
    converted["additionalProperties"] = inner(additionalProperties);
  else if (additionalProperties !== undefined)
    converted["additionalProperties"] = additionalProperties;
  for (const [name, list] of Object.entries({ allOf, anyOf, oneOf }))
    if (list !== undefined) converted[name] = list.map(inner);
  if (not !== undefined) converted["not"] = inner(not);
  return converted;
}

function described(schema: unknown, description: string | undefined): unknown {
  if (description === undefined || typeof schema !== "object" || schema === null) return schema;
  const { $ref, ...rest } = schema as { $ref?: string };
  return $ref === undefined ? { description, ...rest } : { description, allOf: [{ $ref }] };
}
