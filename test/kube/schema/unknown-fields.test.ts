import { describe, expect, test } from "vitest";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { unknownFields } from "../../../src/kube/schema/unknown-fields.ts";
import { builtin } from "./builtin.ts";

describe("unknown fields", () => {
  test("are named by their paths, in the order of the object", () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", label: {}, labels: { "any/key": "goes" } },
      spec: {
        replica: 3,
        template: { spec: { containers: [{ name: "a" }, { name: "b", imagee: "x" }] } },
      },
    };
    expect(unknownFields(builtin("apps/v1", "Deployment"), deployment)).toEqual([
      "metadata.label",
      "spec.replica",
      "spec.template.spec.containers[1].imagee",
    ]);
  });

  test("do not exist in free-form objects", () => {
    const revision = { metadata: { name: "r" }, revision: 1, data: { any: { thing: [1] } } };
    expect(unknownFields(builtin("apps/v1", "ControllerRevision"), revision)).toEqual([]);
  });

  test("are not those of a union whose other member has none", () => {
    const openAPIV3Schema = {
      additionalProperties: { type: "string" },
      properties: { a: { additionalProperties: true }, b: { items: { type: "object" } } },
    };
    const definition = { spec: { versions: [{ schema: { openAPIV3Schema } }] } };
    expect(
      unknownFields(builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition"), definition),
    ).toEqual([]);
  });

  test("are found inside the schemas of definitions", () => {
    const definition = {
      spec: {
        versions: [
          { schema: { openAPIV3Schema: { properties: { a: { items: { typ: "string" } } } } } },
        ],
      },
    };
    expect(
      unknownFields(builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition"), definition),
    ).toEqual(["spec.versions[0].schema.openAPIV3Schema.properties[a].items.typ"]);
  });

  test("are not confused by names every JavaScript object has", () => {
    const value: unknown = JSON.parse('{"metadata":{"constructor":1,"toString":2}}');
    expect(unknownFields(builtin("v1", "ConfigMap"), value)).toEqual([
      "metadata.constructor",
      "metadata.toString",
    ]);
  });

  test("in custom resources end where unknown fields are preserved", () => {
    const schema: Schema = {
      type: "object",
      properties: {
        closed: { type: "object" },
        open: {
          type: "object",
          "x-kubernetes-preserve-unknown-fields": true,
          properties: { closed: { type: "object", properties: {} } },
        },
        embedded: { type: "object", "x-kubernetes-embedded-resource": true },
      },
    };
    const value = {
      closed: { a: 1 },
      open: { a: 1, closed: { b: 1 } },
      embedded: { apiVersion: "v1", kind: "Pod", metadata: { name: "x", nam: "y" }, spec: {} },
    };
    expect(unknownFields(schema, value)).toEqual([
      "closed.a",
      "open.closed.b",
      "embedded.metadata.nam",
      "embedded.spec",
    ]);
  });
});
