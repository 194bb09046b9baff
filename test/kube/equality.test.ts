import fc from "fast-check";
import { expect, test } from "vitest";
import { deepEqual } from "../../src/kube/equality.ts";

test.each([
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1 }, { a: 1, b: 2 }, false],
  [{ a: 1 }, { b: 1 }, false],
  [{ a: null }, { a: {} }, false],
  [[1, 2], [2, 1], false],
  [[], {}, false],
  [{ constructor: 1 }, { x: 1 }, false],
  [{}, null, false],
  ["1", 1, false],
])("%j and %j: %s", (a, b, equal) => {
  expect(deepEqual(a, b)).toBe(equal);
  expect(deepEqual(b, a)).toBe(equal);
});

test("a key of the prototype is not a field", () => {
  const absent: Record<string, unknown> = { a: 1 };
  const present: Record<string, unknown> = { constructor: Object };
  expect(deepEqual(absent, present)).toBe(false);
});

test("property: a document equals its copy, and differs once a leaf is added", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
      const copy: unknown = JSON.parse(JSON.stringify(document));
      expect(deepEqual(copy, JSON.parse(JSON.stringify(document)))).toBe(true);
      expect(deepEqual(copy, { ...(copy as object), "new leaf": 1 })).toBe(false);
    }),
  );
});
