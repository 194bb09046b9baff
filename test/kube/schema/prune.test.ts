import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prune } from "../../../src/kube/schema/prune.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { unknownFields } from "../../../src/kube/schema/unknown-fields.ts";
import { builtin } from "./builtin.ts";

describe("pruning", () => {
  test("gives built-in objects the form that typed decoding would", () => {
    const pod = {
      metadata: { name: "web", labels: { a: null }, annotations: null, nam: "x" },
      spec: {
        containers: [
          { name: "web", imagee: "x", resources: { limits: { cpu: 2, memory: "1Gi" } } },
        ],
        nodeName: null,
      },
    };
    expect(prune(builtin("v1", "Pod"), pod)).toEqual({
      metadata: { name: "web", labels: { a: "" } },
      spec: { containers: [{ name: "web", resources: { limits: { cpu: "2", memory: "1Gi" } } }] },
    });
  });

  test("drops empty values that stand for none", () => {
    const pod = {
      spec: { containers: [{ name: "", imagePullPolicy: "", env: [{ name: "A", value: "" }] }] },
    };
    expect(prune(builtin("v1", "Pod"), pod)).toEqual({
      spec: { containers: [{ name: "", env: [{ name: "A", value: "" }] }] },
    });
  });

  test("keeps free-form content as it is, nulls included", () => {
    const revision = { metadata: { name: "r" }, revision: 1, data: { a: null, b: { c: null } } };
    expect(prune(builtin("apps/v1", "ControllerRevision"), revision)).toBe(revision);
  });

  const schema: Schema = {
    type: "object",
    properties: {
      open: {
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
        properties: { closed: { type: "object", properties: { a: { type: "string" } } } },
      },
      list: { type: "array", items: { type: "object", properties: { a: { type: "string" } } } },
      map: { type: "object", additionalProperties: { type: "string" } },
      nullable: { type: "string", nullable: true },
      object: { type: "object", "x-kubernetes-embedded-resource": true },
    },
  };

  test("of custom resources follows the schema", () => {
    const value = {
      open: { x: { y: null }, closed: { a: "1", b: "2" } },
      list: [{ a: "1" }, { b: "2" }],
      map: { any: "key" },
      nullable: null,
      object: { apiVersion: "v1", kind: "Pod", metadata: { name: "x", nam: "y" }, spec: {} },
      other: 1,
    };
    expect(prune(schema, value)).toEqual({
      open: { x: { y: null }, closed: { a: "1" } },
      list: [{ a: "1" }, {}],
      map: { any: "key" },
      nullable: null,
      object: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" } },
    });
  });

  test("leaves nothing unknown, and nothing to prune", () => {
    fc.assert(
      fc.property(
        fc.object({
          key: fc.constantFrom("open", "closed", "list", "map", "a", "b"),
          maxDepth: 4,
          // What JSON can hold.
          values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
        }),
        (value) => {
          const pruned = prune(schema, value);
          expect(unknownFields(schema, pruned)).toEqual([]);
          expect(prune(schema, pruned)).toBe(pruned);
        },
      ),
    );
  });
});
