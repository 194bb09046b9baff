import { describe, expect, test } from "vitest";
import {
  allBuiltinGvks,
  definition,
  definitionNameOf,
  resolve,
  schemaOf,
} from "../../../src/kube/schema/definitions.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { builtin } from "./builtin.ts";

describe("built-in definitions", () => {
  test("are found by kind, core group included", () => {
    expect(definitionNameOf(builtin("v1", "Pod"))).toBe("io.k8s.api.core.v1.Pod");
    expect(definitionNameOf(builtin("apps/v1", "Deployment"))).toBe(
      "io.k8s.api.apps.v1.Deployment",
    );
    expect(
      definitionNameOf(builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition")),
    ).toMatch(/^io\.k8s\.apiextensions-apiserver\./);
    expect(definitionNameOf(builtin("gantry.dev/v1", "Application"))).toBe(
      "dev.gantry.v1.Application",
    );
    expect(schemaOf("apps/v1", "Deploy")).toBeUndefined();
    expect(schemaOf("v1", "Deployment")).toBeUndefined();
  });

  test("list every kind once", () => {
    const ids = allBuiltinGvks().map((gvk) => `${gvk.group}/${gvk.version}/${gvk.kind}`);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("batch/v1/CronJob");
    expect(ids).toContain("/v1/PodList");
    expect(ids).toContain("apiregistration.k8s.io/v1/APIService");
  });

  test("refer to nothing that is not there", () => {
    const missing: string[] = [];
    const visit = (schema: Schema): void => {
      if (schema.$ref !== undefined) {
        if (definition(schema.$ref) === undefined) missing.push(schema.$ref);
        return;
      }
      Object.values(schema.properties ?? {}).forEach(visit);
      if (schema.items !== undefined) visit(schema.items);
      if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
      schema.anyOf?.forEach(visit);
    };
    const gvks = allBuiltinGvks();
    expect(gvks.length).toBeGreaterThan(150);
    for (const { group, version, kind } of gvks)
      visit(builtin(group === "" ? version : `${group}/${version}`, kind));
    expect(missing).toEqual([]);
  });
});

describe("resolve", () => {
  test("follows a reference, keeping what stands beside it", () => {
    const schema: Schema = { $ref: "io.k8s.api.core.v1.PodSpec", default: {} };
    const resolved = resolve(schema);
    expect(resolved.properties?.["containers"]).toBeDefined();
    expect(resolved.default).toEqual({});
    expect(resolve(schema)).toBe(resolved);
  });

  test("gives plain references the definition itself", () => {
    const name = "io.k8s.api.core.v1.PodSpec";
    expect(resolve({ $ref: name })).toBe(definition(name));
  });

  test("names what a broken reference refers to", () => {
    expect(() => resolve({ $ref: "io.k8s.api.core.v2.Pod" })).toThrow("io.k8s.api.core.v2.Pod");
  });
});
