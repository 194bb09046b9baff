import { describe, expect, test } from "vitest";
import { fieldErrorMessage } from "../../../src/kube/field-error.ts";
import { customResourceDefinitions } from "../../../src/kube/kinds/customresourcedefinition.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { structuralErrors } from "../../../src/kube/schema/structural.ts";

const problems = (schema: Schema): string[] =>
  structuralErrors(schema, "schema").map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
const property = (schema: Schema): string[] =>
  problems({ type: "object", properties: { v: schema } });

describe("structural schemas", () => {
  test.each<[string, Schema]>([
    [
      "an integer or string, said the long way",
      { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
    ],
    [
      "a map list whose key has a default",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["p"],
        items: { type: "object", properties: { p: { type: "string", default: "TCP" } } },
      },
    ],
    [
      "a junctor that narrows a declared field",
      {
        type: "object",
        properties: { a: { type: "string" } },
        anyOf: [{ properties: { a: { minLength: 1 } } }, { required: ["a"] }],
      },
    ],
    [
      "an untyped value that preserves everything",
      { "x-kubernetes-preserve-unknown-fields": true },
    ],
    ["a nullable default", { type: "string", nullable: true, default: null }],
  ])("may have %s", (_, schema) => {
    expect(property(schema)).toEqual([]);
  });

  test.each<[string, Schema, string]>([
    [
      "a value without type",
      {},
      "schema.properties[v].type: Required value: must not be empty for specified object fields",
    ],
    [
      "a reference",
      { $ref: "io.k8s.api.core.v1.PodSpec" },
      "schema.properties[v].$ref: Forbidden: $ref is not supported",
    ],
    [
      "a list without items",
      { type: "array" },
      "schema.properties[v].items: Required value: must be specified",
    ],
    [
      "named and free fields at once",
      { type: "object", properties: {}, additionalProperties: true },
      "schema.properties[v].additionalProperties: Forbidden: must not be used together with properties",
    ],
    [
      "a type inside a junctor",
      { type: "string", anyOf: [{ type: "string" }] },
      "schema.properties[v].anyOf[0].type: Forbidden: must be empty to be structural",
    ],
    [
      "a field that only a junctor declares",
      { type: "object", not: { properties: { a: { minLength: 1 } } } },
      "schema.properties[v].properties[a]: Required value: because it is defined in schema.properties[v].not.properties[a]",
    ],
    [
      "uniqueItems",
      { type: "array", items: { type: "string" }, uniqueItems: true },
      "schema.properties[v].uniqueItems: Forbidden: cannot be set to true: use x-kubernetes-list-type set",
    ],
    [
      "map keys that may be absent",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
        items: { type: "object", properties: { k: { type: "string" } } },
      },
      "schema.properties[v].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
    ],
    [
      "map keys that do not exist",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
        items: { type: "object" },
      },
      'schema.properties[v].x-kubernetes-list-map-keys[0]: Invalid value: "k": must be the name of a property of the items',
    ],
    [
      "a default of the wrong type",
      { type: "integer", default: "1" },
      'schema.properties[v].default: Invalid value: "string": must be of type integer: "string"',
    ],
    [
      "a default against its own rules",
      { type: "object", default: { n: 0 }, properties: { n: { type: "integer", minimum: 1 } } },
      "schema.properties[v].default.n: Invalid value: 0: should be greater than or equal to 1",
    ],
    [
      "a broken pattern",
      { type: "string", pattern: "(" },
      'schema.properties[v].pattern: Invalid value: "(": must be a valid regular expression',
    ],
  ])("may not have %s", (_, schema, problem) => {
    expect(property(schema)).toEqual([problem]);
  });

  test("are objects at the root", () => {
    expect(problems({ type: "string" })).toEqual([
      'schema.type: Invalid value: "string": must be object at the root',
    ]);
  });

  test("are demanded of definitions", () => {
    const openAPIV3Schema = { type: "object", properties: { v: { type: "array" } } };
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "backups.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "backups", kind: "Backup" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    };
    const errors = customResourceDefinitions.strategy.validate?.(definition) ?? [];
    expect(errors.map((error) => error.field)).toContain(
      "spec.versions[0].schema.openAPIV3Schema.properties[v].items",
    );
  });

  test("that never end are cut short", () => {
    let schema: Schema = { type: "string" };
    for (let depth = 0; depth < 1000; depth += 1)
      schema = { type: "object", properties: { a: schema } };
    expect(problems(schema)).toHaveLength(1);
  });
});
