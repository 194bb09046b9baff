import { describe, expect, test } from "vitest";
import { fieldErrorMessage } from "../../../src/kube/field-error.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { validate } from "../../../src/kube/schema/validate.ts";

const problems = (schema: Schema, value: unknown): string[] =>
  validate({ type: "object", properties: { v: schema } }, { v: value }).map(
    (error) => `${error.field}: ${fieldErrorMessage(error)}`,
  );

describe("validation of custom resources", () => {
  test.each<[string, Schema, unknown, unknown, string]>([
    [
      "minimum",
      { type: "integer", minimum: 1 },
      1,
      0,
      "v: Invalid value: 0: should be greater than or equal to 1",
    ],
    [
      "exclusive maximum",
      { type: "number", maximum: 1, exclusiveMaximum: true },
      0.5,
      1,
      "v: Invalid value: 1: should be less than 1",
    ],
    [
      "multipleOf",
      { type: "integer", multipleOf: 3 },
      9,
      10,
      "v: Invalid value: 10: should be a multiple of 3",
    ],
    [
      "pattern",
      { type: "string", pattern: "^a+$" },
      "aa",
      "b",
      "v: Invalid value: \"b\": should match '^a+$'",
    ],
    [
      "pattern with Go flags",
      { type: "string", pattern: "(?i)^a+$" },
      "AA",
      "b",
      "v: Invalid value: \"b\": should match '(?i)^a+$'",
    ],
    [
      "maxLength in characters",
      { type: "string", maxLength: 2 },
      "😀😀",
      "abc",
      "v: Too long: may not be more than 2 characters",
    ],
    [
      "minLength",
      { type: "string", minLength: 1 },
      "a",
      "",
      'v: Invalid value: "": should be at least 1 chars long',
    ],
    [
      "maxItems",
      { type: "array", items: { type: "string" }, maxItems: 1 },
      ["a"],
      ["a", "b"],
      "v: Too many: 2: must have at most 1 items",
    ],
    [
      "minItems",
      { type: "array", items: { type: "string" }, minItems: 1 },
      ["a"],
      [],
      "v: Invalid value: 0: should have at least 1 items",
    ],
    [
      "maxProperties",
      { type: "object", additionalProperties: { type: "string" }, maxProperties: 1 },
      { a: "" },
      { a: "", b: "" },
      "v: Too many: 2: must have at most 1 properties",
    ],
    [
      "enum",
      { type: "string", enum: ["a", "b"] },
      "a",
      "c",
      'v: Unsupported value: "c": supported values: "a", "b"',
    ],
    [
      "set",
      { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
      ["a", "b"],
      ["a", "b", "a"],
      'v[2]: Duplicate value: "a"',
    ],
    [
      "null",
      { type: "string", nullable: true },
      null,
      1,
      'v: Invalid value: "integer": must be of type string: "integer"',
    ],
    [
      "int-or-string",
      { "x-kubernetes-int-or-string": true },
      "10%",
      true,
      'v: Invalid value: "boolean": must be of type integer or string: "boolean"',
    ],
    [
      "anyOf",
      { type: "string", anyOf: [{ pattern: "^a" }, { pattern: "b$" }] },
      "ab",
      "c",
      'v: Invalid value: "c": must validate at least one schema (anyOf)',
    ],
    [
      "oneOf",
      { type: "string", oneOf: [{ pattern: "^a" }, { pattern: "b$" }] },
      "a",
      "ab",
      'v: Invalid value: "ab": must validate one and only one schema (oneOf)',
    ],
    [
      "not",
      { type: "string", not: { enum: ["a"] } },
      "b",
      "a",
      'v: Invalid value: "a": must not validate the schema (not)',
    ],
    [
      "allOf",
      { type: "string", allOf: [{ maxLength: 2 }, { minLength: 1 }] },
      "a",
      "",
      'v: Invalid value: "": should be at least 1 chars long',
    ],
    [
      "required in not",
      { type: "object", properties: { a: { type: "string" } }, not: { required: ["a"] } },
      {},
      { a: "" },
      'v: Invalid value: {"a":""}: must not validate the schema (not)',
    ],
  ])("%s", (_, schema, good, bad, problem) => {
    expect(problems(schema, good)).toEqual([]);
    expect(problems(schema, bad)).toEqual([problem]);
  });

  test.each<[string, unknown[], unknown[]]>([
    [
      "date-time",
      ["2024-02-29T23:59:59Z", "2024-01-01T00:00:00.123+02:00"],
      ["2023-02-29T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z"],
    ],
    ["date", ["2024-02-29"], ["2023-02-29", "24-01-01"]],
    ["duration", ["90s", "1h30m", "1.5h", "0"], ["", "1 h", "5x"]],
    ["ipv4", ["10.0.0.1"], ["10.0.0", "256.1.1.1", "1.2.3.4."]],
    [
      "ipv6",
      ["::1", "2001:db8::1", "::ffff:10.0.0.1", "::"],
      [":::", "1::2::3", "12345::", "10.0.0.1"],
    ],
    ["cidr", ["10.0.0.0/8", "2001:db8::/32"], ["10.0.0.0", "10.0.0.0/33", "::/129"]],
    ["hostname", ["a.example.com"], ["-a", "a_b", ""]],
    ["uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]],
    ["uri", ["https://example.com/a", "/relative"], ["no scheme"]],
    ["email", ["a@example.com"], ["a@b@c", "a"]],
    ["byte", ["", "YQ==", "YW\nI="], ["YQ=", "*"]],
    ["an unknown format", ["anything"], []],
  ])("format %s", (format, good, bad) => {
    const accepted = (value: unknown): boolean =>
      problems({ type: "string", format }, value).length === 0;
    expect(good.filter((value) => !accepted(value))).toEqual([]);
    expect(bad.filter(accepted)).toEqual([]);
  });

  test("null must be declared", () => {
    expect(problems({ type: "string" }, null)).toEqual([
      'v: Invalid value: "null": must be of type string: "null"',
    ]);
  });

  test("lists of type map are keyed by all their keys, absent ones by default", () => {
    const schema: Schema = {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      items: {
        type: "object",
        properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
      },
    };
    expect(problems(schema, [{ port: 1 }, { port: 1, protocol: "UDP" }])).toEqual([]);
    expect(problems(schema, [{ port: 1 }, { port: 1, protocol: "TCP" }])).toEqual([
      'v[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
    ]);
  });

  test("embedded resources have metadata as every object", () => {
    const schema: Schema = {
      type: "object",
      "x-kubernetes-embedded-resource": true,
      "x-kubernetes-preserve-unknown-fields": true,
    };
    expect(
      problems(schema, { apiVersion: "v1", kind: "Pod", metadata: { labels: { a: 1 } }, spec: 1 }),
    ).toEqual([
      'v.metadata.labels[a]: Invalid value: "integer": must be of type string: "integer"',
    ]);
  });
});
