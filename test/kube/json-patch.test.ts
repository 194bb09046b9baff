import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyJsonPatch, MAX_OPERATIONS } from "../../src/kube/json-patch.ts";
import { deepFreeze } from "../../src/kube/object.ts";
import { PatchError } from "../../src/kube/patch-error.ts";

const apply = (document: unknown, ...operations: unknown[]) =>
  applyJsonPatch(deepFreeze(document), deepFreeze(operations));

const refusal = (document: unknown, patch: unknown): string => {
  try {
    applyJsonPatch(document, patch);
  } catch (error) {
    if (error instanceof PatchError) return error.reason;
    throw error;
  }
  return "applied";
};

describe("operations", () => {
  test.each([
    [{ a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    [{ a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
    [{ a: [1, 3] }, [{ op: "add", path: "/a/1", value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: "add", path: "/a/-", value: 2 }], { a: [1, 2] }],
    [{ a: [1] }, [{ op: "add", path: "/a/1", value: 2 }], { a: [1, 2] }],
    [{ a: 1 }, [{ op: "add", path: "", value: [] }], []],
    [{ a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
    [{ a: [1, 2, 3] }, [{ op: "remove", path: "/a/1" }], { a: [1, 3] }],
    [{ a: [1, 2, 3] }, [{ op: "remove", path: "/a/-1" }], { a: [1, 2] }],
    [{ a: { b: 1 } }, [{ op: "replace", path: "/a/b", value: null }], { a: { b: null } }],
    [{ a: [1, 2] }, [{ op: "replace", path: "/a/0", value: 9 }], { a: [9, 2] }],
    [{ a: { b: 1 }, c: {} }, [{ op: "move", from: "/a/b", path: "/c/d" }], { a: {}, c: { d: 1 } }],
    [{ a: [1, 2, 3] }, [{ op: "move", from: "/a/0", path: "/a/2" }], { a: [2, 3, 1] }],
    [{ a: 1 }, [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
    [{ a: { b: [1] } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: [1] }, c: { b: [1] } }],
    [{ "a/b": { "~": 1 } }, [{ op: "remove", path: "/a~1b/~0" }], { "a/b": {} }],
    [{ a: null }, [{ op: "test", path: "/a", value: null }], { a: null }],
    [{ a: 1 }, [{ op: "test", path: "/b", value: null }], { a: 1 }],
    [{ a: 1 }, [{ op: "replace", path: "/b", value: 2 }], { a: 1, b: 2 }],
    [{ a: 1 }, [{ op: "add", path: "/b" }], { a: 1, b: null }],
    [{ a: [1, 2] }, [{ op: "replace", path: "/a/-1", value: 3 }], { a: [1, 3] }],
    [
      { a: { x: 1, y: [2] } },
      [{ op: "test", path: "/a", value: { y: [2], x: 1 } }],
      { a: { x: 1, y: [2] } },
    ],
  ])("%j with %j", (document, patch, expected) => {
    expect(apply(document, ...patch)).toEqual(expected);
  });

  test("a copy is independent of its origin", () => {
    expect(
      apply(
        { a: { list: [1] } },
        { op: "add", path: "/a/list/-", value: 2 },
        { op: "copy", from: "/a", path: "/b" },
        { op: "add", path: "/a/list/-", value: 3 },
        { op: "add", path: "/b/list/-", value: 4 },
      ),
    ).toEqual({ a: { list: [1, 2, 3] }, b: { list: [1, 2, 4] } });
  });

  test("what is not on the way to a change is shared with the document", () => {
    const document = { metadata: { name: "web" }, spec: { replicas: 1 } };
    const patched = apply(document, { op: "replace", path: "/spec/replicas", value: 2 });
    expect((patched as typeof document).metadata).toBe(document.metadata);
    expect(document.spec.replicas).toBe(1);
  });
});

describe("refusals", () => {
  test.each([
    [{ a: 1 }, [{ op: "test", path: "/a", value: 2 }]],
    [{ a: 1 }, [{ op: "remove", path: "/b" }]],
    [{ a: 1 }, [{ op: "remove", path: "" }]],
    [{ a: 1 }, [{ op: "replace", path: "/b/c", value: 1 }]],
    [{ a: 1 }, [{ op: "test", path: "/b/c", value: null }]],
    [{ a: [1] }, [{ op: "replace", path: "/a/1", value: 1 }]],
    [{ a: [1] }, [{ op: "test", path: "/a/1", value: null }]],
    [{ a: 1 }, [{ op: "add", path: "/b/c", value: 1 }]],
    [{ a: 1 }, [{ op: "add", path: "/a/c", value: 1 }]],
    [{ a: [1] }, [{ op: "add", path: "/a/2", value: 1 }]],
    [{ a: [1] }, [{ op: "add", path: "/a/01", value: 1 }]],
    [{ a: [1] }, [{ op: "replace", path: "/a/-", value: 1 }]],
    [{ a: [1] }, [{ op: "remove", path: "/a/-2" }]],
    [{ a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/b" }]],
    [{ a: 1 }, [{ op: "copy", from: "/constructor", path: "/b" }]],
    [{ a: 1 }, [{ op: "add", path: "/__proto__", value: 1 }]],
    [{ a: 1 }, [{ op: "add", path: "/__proto__/b", value: 1 }]],
  ])("%j with %j cannot be applied", (document, patch) => {
    expect(refusal(document, patch)).toBe("Invalid");
  });

  test.each([
    {},
    [null],
    [{ op: "add", value: 1 }],
    [{ op: "merge", path: "/a", value: 1 }],
    [{ op: "remove", path: "a" }],
    [{ op: "remove", path: "/~3" }],
    [{ op: "copy", path: "/a" }],
    [{ op: "remove", path: `${"/a".repeat(5_000)}` }],
  ])("patch %# is malformed", (patch) => {
    expect(refusal({ a: { a: 1 } }, patch)).toMatch(/BadRequest|Invalid/);
    expect(refusal({ a: { a: 1 } }, patch)).not.toBe("applied");
  });

  test("a failed operation leaves nothing of the patch behind", () => {
    const document = { a: { b: 1 } };
    const patch = [
      { op: "add", path: "/a/c", value: 1 },
      { op: "test", path: "/a/b", value: 2 },
    ];
    expect(refusal(document, patch)).toBe("Invalid");
    expect(document).toEqual({ a: { b: 1 } });
  });

  test("the number of operations is limited", () => {
    const patch = Array.from({ length: MAX_OPERATIONS + 1 }, () => ({ op: "remove", path: "/a" }));
    expect(refusal({}, patch)).toBe("RequestEntityTooLarge");
  });

  test("copies of copies cannot fill the memory", () => {
    const patch = Array.from({ length: 40 }, (_, index) => ({
      op: "copy",
      from: "/a",
      path: `/a/${index}`,
    }));
    expect(refusal({ a: { text: "x".repeat(1_000) } }, patch)).toBe("RequestEntityTooLarge");
  });

  test("moves cannot nest without bound", () => {
    const nest = [
      { op: "move", from: "/a", path: "/b" },
      { op: "add", path: "/a", value: {} },
      { op: "move", from: "/b", path: "/a/n" },
    ];
    const patch = Array.from({ length: 3_000 }, () => nest).flat();
    expect(refusal({ a: {} }, patch)).toBe("BadRequest");
    expect(refusal({ a: {} }, patch.slice(0, 300))).toBe("applied");
  });

  test("many operations on one large list stay quick", () => {
    const patch = Array.from({ length: MAX_OPERATIONS }, () => ({
      op: "add",
      path: "/list/-",
      value: 1,
    }));
    const patched = applyJsonPatch({ list: Array.from({ length: 20_000 }, () => 0) }, patch);
    expect((patched as { list: unknown[] }).list).toHaveLength(30_000);
  });
});

test("property: adding then removing a field restores the document and mutates nothing", () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z/~]{1,4}$/), json),
      json,
      (document, value) => {
        const before = JSON.stringify(document);
        const added = applyJsonPatch(document, [{ op: "add", path: "/NEW", value }]);
        expect(added).toEqual({ ...document, NEW: value });
        expect(applyJsonPatch(added, [{ op: "remove", path: "/NEW" }])).toEqual(document);
        expect(JSON.stringify(document)).toBe(before);
      },
    ),
  );
});
