import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyMergePatch } from "../../src/kube/merge-patch.ts";
import { deepFreeze } from "../../src/kube/object.ts";
import { PatchError } from "../../src/kube/patch-error.ts";

describe("the examples of RFC 7396", () => {
  test.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j merged with %j", (target, patch, expected) => {
    expect(applyMergePatch(deepFreeze(target), deepFreeze(patch))).toEqual(expected);
  });
});

test("what does not change is shared, and a patch without effect returns the target", () => {
  const target = { spec: { replicas: 1, list: [1] }, metadata: { name: "web" } };
  expect(applyMergePatch(target, { spec: { replicas: 1, list: [1], gone: null } })).toBe(target);
  const patched = applyMergePatch(target, { spec: { replicas: 2 } });
  expect(patched).toEqual({ ...target, spec: { replicas: 2, list: [1] } });
  expect((patched as typeof target).metadata).toBe(target.metadata);
});

test("a patch cannot reach the prototype, and names of its members are ordinary keys", () => {
  const attack: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
  expect(() => applyMergePatch({}, attack)).toThrow(PatchError);
  const labels = applyMergePatch({}, { constructor: "a", toString: { b: "c" } });
  expect(Object.entries(labels as object)).toEqual([
    ["constructor", "a"],
    ["toString", { b: "c" }],
  ]);
});

test("a patch nested too deeply is refused, whatever its size", () => {
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`);
  expect(() => applyMergePatch({}, deep)).toThrow(/nested deeper/);
});

test("property: applying a patch twice is applying it once, and changes neither argument", () => {
  const json = fc
    .jsonValue({ maxDepth: 3 })
    .filter((v) => !JSON.stringify(v).includes("__proto__"));
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const before = JSON.stringify([target, patch]);
      const once = applyMergePatch(target, patch);
      expect(applyMergePatch(once, patch)).toEqual(once);
      expect(JSON.stringify([target, patch])).toBe(before);
    }),
  );
});
