/** Objects that nearly fit a schema: most fields as they should be, some of a wrong type, some unknown. */
import fc from "fast-check";
import { resolve } from "../../../src/kube/schema/definitions.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";

/** Fields of each object that get a value: more make objects huge. */
const MAX_FIELDS = 6;
const MAX_DEPTH = 6;

/** Any JSON, above all what is easily overlooked. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, "", "x", "None", [], {}, [null], { a: null }),
  fc.jsonValue({ maxDepth: 2 }),
);
const texts = fc.constantFrom(
  "a",
  "b",
  "",
  "1",
  "TCP",
  "ClusterIP",
  "NodePort",
  "Always",
  "10.0.0.1",
  "1Gi",
  "50%",
  "x".repeat(70),
  "v1",
  "example.com",
);

export function valuesOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const own = resolve(schema);
  return fc.oneof(
    { weight: 14, arbitrary: fitting(own, depth) },
    { weight: 1, arbitrary: anything },
  );
}

function fitting(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.oneof(fc.constantFrom(...schema.enum), texts);
  if (schema["x-kubernetes-int-or-string"] === true) return fc.oneof(fc.integer(), texts);
  switch (schema.type) {
    case "string":
      return texts;
    case "integer":
      return fc.oneof(fc.integer({ min: -2, max: 70_000 }), fc.constantFrom(0, 80, 443));
    case "number":
      return fc.double({ noNaN: true });
    case "boolean":
      return fc.boolean();
    case "array":
      return depth >= MAX_DEPTH
        ? fc.constant([])
        : fc
            .array(fc.constant(null), { maxLength: 2 })
            .chain((slots) =>
              fc.tuple(...slots.map(() => valuesOf(schema.items ?? {}, depth + 1))),
            );
    default:
      return depth >= MAX_DEPTH ? fc.constant({}) : objectsOf(schema, depth);
  }
}

export function objectsOf(
  schema: Schema,
  depth: number,
): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const names = Object.keys(schema.properties ?? {});
  const required = (schema.required ?? []).filter((name) => names.includes(name));
  const { additionalProperties } = schema;
  const entries: Schema | undefined =
    typeof additionalProperties === "object" ? additionalProperties : undefined;
  const chosen =
    names.length === 0
      ? fc.constant<string[]>([])
      : fc.uniqueArray(fc.constantFrom(...names), { maxLength: MAX_FIELDS });
  return chosen.chain((optional) => {
    const fields = [...new Set([...required, ...optional])];
    const values = fields.map((name) => valuesOf(schema.properties?.[name] ?? {}, depth + 1));
    const extra =
      entries === undefined
        ? fc.option(fc.constant({ surprise: 1 }), { nil: {}, freq: 10 })
        : fc.dictionary(texts, valuesOf(entries, depth + 1), { maxKeys: 2 });
    return fc.tuple(fc.tuple(...values), extra).map(([list, more]) => ({
      ...more,
      ...Object.fromEntries(fields.map((name, index) => [name, list[index]])),
    }));
  });
}

/** The value with up to three of its parts, anywhere in it, replaced or taken away. */
export function damaged(value: unknown): fc.Arbitrary<unknown> {
  const paths = pathsOf(value).slice(1);
  const damage = fc.tuple(
    fc.constantFrom(...paths),
    fc.option(anything, { nil: undefined, freq: 4 }),
  );
  return fc
    .array(damage, { minLength: 0, maxLength: 3 })
    .map((all) => all.reduce((result, [path, part]) => replaced(result, path, part), value));
}

type Path = readonly string[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, part]) => pathsOf(part, [...path, key]))];
}

function replaced(value: unknown, [head, ...rest]: Path, part: unknown): unknown {
  if (head === undefined) return part;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return items
      .map((item, index) => (String(index) === head ? replaced(item, rest, part) : item))
      .filter((item) => item !== undefined);
  }
  const { [head]: own, ...others } = value as Record<string, unknown>;
  const next = replaced(own, rest, part);
  return next === undefined ? others : { ...others, [head]: next };
}
