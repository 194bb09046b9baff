import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import { allBuiltinGvks, resolve } from "../../../src/kube/schema/definitions.ts";
import { prune } from "../../../src/kube/schema/prune.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { unknownFields } from "../../../src/kube/schema/unknown-fields.ts";
import { validate } from "../../../src/kube/schema/validate.ts";
import { builtin } from "./builtin.ts";

/** Deep enough for `spec.template.spec.containers[].env[]`. */
const MAX_DEPTH = 9;

const SAMPLES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "date-time": fc.constantFrom("2024-01-31T00:00:00Z", "2024-01-31T00:00:00.5+01:00"),
  byte: fc.constantFrom("", "YQ==", "YWI="),
  quantity: fc.constantFrom("1", "100m", "1.5Gi", 2),
  int32: fc.integer({ min: 1 }),
  int64: fc.maxSafeNat(),
};

/** Values that fit a schema. Keys of map lists are made unique by the caller's list being short. */
function valueOf(unresolved: Schema, depth = 0): fc.Arbitrary<unknown> {
  const schema = resolve(unresolved);
  const sample = schema.format === undefined ? undefined : SAMPLES[schema.format];
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf?.[0] !== undefined) return valueOf(schema.anyOf[0], depth + 1);
  if (schema["x-kubernetes-int-or-string"] === true)
    return fc.oneof(fc.integer(), fc.constant("25%"));
  switch (schema.type) {
    case "array":
      return depth > MAX_DEPTH || schema.items === undefined
        ? fc.constant([])
        : fc.array(valueOf(schema.items, depth + 1), { maxLength: 1 });
    case "object":
      return objectOf(schema, depth);
    case "string":
      return sample ?? fc.string({ minLength: 1 });
    case "integer":
      return sample ?? fc.integer({ min: 1 });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    default:
      return fc.jsonValue().filter((value) => value !== null);
  }
}

function objectOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (typeof schema.additionalProperties === "object")
    return fc.dictionary(fc.string(), valueOf(schema.additionalProperties, depth + 1), {
      maxKeys: 2,
    });
  const required = schema.required ?? [];
  const entries = Object.entries(schema.properties ?? {}).filter(
    ([name]) => depth < MAX_DEPTH || required.includes(name),
  );
  // Optional fields get rarer with depth, or objects would hold thousands of values.
  const rarity = 1 + depth * 2;
  const fields = entries.map(([name, child]): [string, fc.Arbitrary<unknown>] => {
    const value = fc.constant(null).chain(() => valueOf(child, depth + 1));
    return [
      name,
      required.includes(name)
        ? value
        : fc.oneof(
            { weight: rarity, arbitrary: fc.constant(undefined) },
            { weight: 1, arbitrary: value },
          ),
    ];
  });
  return fc.record(Object.fromEntries(fields));
}

const kinds: readonly (readonly [string, string])[] = [
  ["v1", "Pod"],
  ["apps/v1", "Deployment"],
  ["v1", "Service"],
  ["v1", "Node"],
  ["networking.k8s.io/v1", "Ingress"],
  ["batch/v1", "CronJob"],
  ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
];

describe.each(kinds)("any %s %s that fits its schema", (apiVersion, kind) => {
  const schema = builtin(apiVersion, kind);
  const fitting = valueOf(schema);

  test("is valid, has no unknown fields and stays so with its defaults", () => {
    fc.assert(
      fc.property(fitting, (value) => {
        expect(validate(schema, value)).toEqual([]);
        expect(unknownFields(schema, value)).toEqual([]);
        const complete = prune(schema, applyDefaults(schema, value));
        expect(validate(schema, complete)).toEqual([]);
        expect(prune(schema, applyDefaults(schema, complete))).toBe(complete);
      }),
      { numRuns: 30 },
    );
  });
});

describe("any JSON at all", () => {
  test("is judged, completed and pruned without failing, whatever its kind", () => {
    const names = ["metadata", "spec", "status", "template", "items", "containers", "name", "x"];
    const json = fc.object({
      key: fc.constantFrom(...names, "__proto__", "constructor"),
      values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
      maxDepth: 5,
    });
    const gvks = allBuiltinGvks();
    fc.assert(
      fc.property(json, fc.nat(gvks.length - 1), (value, at) => {
        const gvk = gvks[at] ?? { group: "", version: "v1", kind: "Pod" };
        const schema = builtin(
          gvk.group === "" ? gvk.version : `${gvk.group}/${gvk.version}`,
          gvk.kind,
        );
        validate(schema, value);
        const complete = prune(schema, applyDefaults(schema, value));
        expect(unknownFields(schema, complete)).toEqual([]);
        expect(prune(schema, applyDefaults(schema, complete))).toBe(complete);
      }),
      { numRuns: 500 },
    );
  });
});
