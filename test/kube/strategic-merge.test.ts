import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deepFreeze } from "../../src/kube/object.ts";
import { PatchError } from "../../src/kube/patch-error.ts";
import type { Schema } from "../../src/kube/schema/schema.ts";
import { applyStrategicMergePatch } from "../../src/kube/strategic-merge.ts";

const container: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    image: { type: "string" },
    args: { type: "array", items: { type: "string" } },
    ports: {
      type: "array",
      "x-kubernetes-patch-merge-key": "containerPort",
      "x-kubernetes-patch-strategy": "merge",
      items: { type: "object", properties: { containerPort: { type: "integer" } } },
    },
  },
};
const schema: Schema = {
  type: "object",
  properties: {
    metadata: {
      type: "object",
      properties: {
        labels: { type: "object", additionalProperties: { type: "string" } },
        finalizers: {
          type: "array",
          items: { type: "string" },
          "x-kubernetes-patch-strategy": "merge",
        },
      },
    },
    spec: {
      type: "object",
      properties: {
        containers: {
          type: "array",
          "x-kubernetes-patch-merge-key": "name",
          "x-kubernetes-patch-strategy": "merge",
          items: container,
        },
        strategy: { type: "object", "x-kubernetes-patch-strategy": "retainKeys" },
        whole: { type: "object", "x-kubernetes-patch-strategy": "replace" },
        tolerations: { type: "array", items: { type: "object" } },
      },
    },
  },
};

const apply = (target: unknown, patch: unknown) =>
  applyStrategicMergePatch(deepFreeze(target), deepFreeze(patch), schema);
const containers = (...list: unknown[]) => ({ spec: { containers: list } });
const names = (object: unknown) =>
  (object as { spec: { containers: { name: string }[] } }).spec.containers.map((c) => c.name);

describe("objects", () => {
  test("merge, and null removes", () => {
    expect(
      apply(
        { metadata: { labels: { a: "1", b: "2" } } },
        { metadata: { labels: { a: null, c: "3" } } },
      ),
    ).toEqual({ metadata: { labels: { b: "2", c: "3" } } });
  });

  test("a patch without effect returns the target itself", () => {
    const target = deepFreeze({
      metadata: { labels: { a: "1" }, finalizers: ["x", "y"] },
      spec: {
        containers: [{ name: "web", image: "web:1", args: ["a"] }],
        tolerations: [{ key: "k" }],
      },
    });
    const patch = {
      metadata: { labels: { a: "1", gone: null }, finalizers: ["x"] },
      spec: {
        $setElementOrder: null,
        "$setElementOrder/containers": [{ name: "web" }],
        containers: [{ name: "web", image: "web:1", args: ["a"] }],
        tolerations: [{ key: "k" }],
      },
    };
    expect(apply(target, patch)).toBe(target);
  });

  test("$patch: replace takes the patch as it is, $patch: delete empties", () => {
    const target = {
      spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
    };
    expect(apply(target, { spec: { strategy: { $patch: "replace", type: "Recreate" } } })).toEqual({
      spec: { strategy: { type: "Recreate" } },
    });
    expect(apply(target, { spec: { strategy: { $patch: "delete" } } })).toEqual({
      spec: { strategy: {} },
    });
    expect(apply(target, { spec: { strategy: { $patch: "merge", type: "Recreate" } } })).toEqual({
      spec: { strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1 } } },
    });
  });

  test("a field whose strategy is replace is replaced", () => {
    expect(apply({ spec: { whole: { a: 1 } } }, { spec: { whole: { b: 2 } } })).toEqual({
      spec: { whole: { b: 2 } },
    });
  });

  test("$retainKeys removes what it does not name", () => {
    const target = {
      spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
    };
    expect(
      apply(target, { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } }),
    ).toEqual({ spec: { strategy: { type: "Recreate" } } });
    expect(() =>
      apply(target, { spec: { strategy: { $retainKeys: ["type"], other: 1 } } }),
    ).toThrow(/does not name the field "other"/);
  });

  test("new values lose nulls and directives", () => {
    expect(
      apply(
        {},
        {
          spec: {
            strategy: { $retainKeys: ["type"], type: "Recreate", rollingUpdate: null },
            "$setElementOrder/containers": [{ name: "web" }],
            containers: [
              { name: "web", image: null, args: ["a"] },
              { name: "old", $patch: "delete" },
            ],
          },
        },
      ),
    ).toEqual({
      spec: { strategy: { type: "Recreate" }, containers: [{ name: "web", args: ["a"] }] },
    });
  });

  test("fields that the schema does not know merge as objects and are replaced as lists", () => {
    expect(
      apply(
        { spec: { unknown: { a: 1, list: [{ name: "a" }] } } },
        { spec: { unknown: { b: 2, list: [{ name: "b" }] } } },
      ),
    ).toEqual({ spec: { unknown: { a: 1, b: 2, list: [{ name: "b" }] } } });
  });
});

describe("lists of objects", () => {
  const three = containers({ name: "a", image: "a:1" }, { name: "b" }, { name: "c" });

  test("elements merge by their key and keep their place", () => {
    expect(apply(three, containers({ name: "b", image: "b:2" }))).toEqual(
      containers({ name: "a", image: "a:1" }, { name: "b", image: "b:2" }, { name: "c" }),
    );
  });

  test("new elements come first, as upstream orders them", () => {
    expect(names(apply(three, containers({ name: "new" })))).toEqual(["new", "a", "b", "c"]);
    expect(names(apply(three, containers({ name: "b" }, { name: "new" })))).toEqual([
      "a",
      "b",
      "new",
      "c",
    ]);
  });

  test("numbers and texts identify the same element", () => {
    expect(
      apply(
        containers({ name: "a", ports: [{ containerPort: 80, name: "http" }] }),
        containers({ name: "a", ports: [{ containerPort: 80, hostPort: 8080 }] }),
      ),
    ).toEqual(
      containers({ name: "a", ports: [{ containerPort: 80, name: "http", hostPort: 8080 }] }),
    );
  });

  test("$patch: delete removes an element, $patch: replace the whole list", () => {
    expect(names(apply(three, containers({ name: "b", $patch: "delete" })))).toEqual(["a", "c"]);
    expect(apply(three, containers({ $patch: "replace" }, { name: "z", image: null }))).toEqual(
      containers({ name: "z" }),
    );
    expect(apply(three, containers({ $patch: "replace" }))).toEqual(containers());
  });

  test("$setElementOrder orders what it names, and others stay behind what they followed", () => {
    const ordered = (order: string[], ...changes: unknown[]) =>
      names(
        apply(three, {
          spec: {
            "$setElementOrder/containers": order.map((name) => ({ name })),
            ...(changes.length > 0 ? { containers: changes } : {}),
          },
        }),
      );
    expect(ordered(["c", "a"])).toEqual(["b", "c", "a"]);
    expect(ordered(["c", "b", "a"])).toEqual(["c", "b", "a"]);
    expect(ordered(["a", "new", "b"], { name: "new" })).toEqual(["a", "new", "b", "c"]);
    expect(ordered(["a", "b", "gone"])).toEqual(["a", "b", "c"]);
  });

  test("changes that contradict $setElementOrder are refused", () => {
    const patch = (order: string[], changes: string[]) => ({
      spec: {
        "$setElementOrder/containers": order.map((name) => ({ name })),
        containers: changes.map((name) => ({ name })),
      },
    });
    expect(() => apply(three, patch(["a", "b"], ["b", "a"]))).toThrow(PatchError);
    expect(() => apply(three, patch(["a"], ["b"]))).toThrow(PatchError);
  });

  test("an element without its merge key is refused, unless it is in the target", () => {
    expect(() => apply(three, containers({ image: "x" }))).toThrow(/no merge key "name"/);
    expect(() => apply(three, containers({ $patch: "delete" }))).toThrow(/no merge key "name"/);
    expect(apply(containers({ image: "x" }), containers({ name: "a" }))).toEqual(
      containers({ name: "a" }, { image: "x" }),
    );
  });

  test("lists without a merge strategy are replaced", () => {
    expect(
      apply({ spec: { tolerations: [{ key: "a" }] } }, { spec: { tolerations: [{ key: "b" }] } }),
    ).toEqual({ spec: { tolerations: [{ key: "b" }] } });
    expect(
      apply(containers({ name: "a", args: ["1"] }), containers({ name: "a", args: ["2"] })),
    ).toEqual(containers({ name: "a", args: ["2"] }));
  });
});

describe("lists of scalars", () => {
  const target = { metadata: { finalizers: ["a", "b"] } };
  test("merge as sets", () => {
    expect(apply(target, { metadata: { finalizers: ["b", "c"] } })).toEqual({
      metadata: { finalizers: ["a", "b", "c"] },
    });
  });
  test("$deleteFromPrimitiveList removes", () => {
    expect(
      apply(target, { metadata: { "$deleteFromPrimitiveList/finalizers": ["a", "x"] } }),
    ).toEqual({
      metadata: { finalizers: ["b"] },
    });
    expect(apply({}, { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } })).toEqual({
      metadata: {},
    });
  });
  test("deletion and order work together", () => {
    expect(
      apply(target, {
        metadata: {
          "$setElementOrder/finalizers": ["c", "b"],
          "$deleteFromPrimitiveList/finalizers": ["a"],
          finalizers: ["c"],
        },
      }),
    ).toEqual({ metadata: { finalizers: ["c", "b"] } });
  });
});

test.each([
  [null],
  [[]],
  ["text"],
  [{ spec: { $patch: "explode" } }],
  [{ spec: { containers: [{ name: "a", $patch: "explode" }] } }],
  [{ spec: { "$setElementOrder/containers": "a" } }],
  [{ metadata: { "$deleteFromPrimitiveList/finalizers": {} } }],
  [{ spec: { $retainKeys: "type" } }],
  [JSON.parse('{"spec":{"__proto__":{"polluted":1}}}')],
  [JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`)],
])("malformed patch %# is refused", (patch: unknown) => {
  const target = { ...containers({ name: "a" }), metadata: { finalizers: ["a"] } };
  expect(() => apply(target, patch)).toThrow(PatchError);
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
});

const containerArbitrary = fc.record(
  {
    name: fc.constantFrom("a", "b", "c", "d"),
    image: fc.constantFrom("x", "y"),
    args: fc.array(fc.constantFrom("1", "2"), { maxLength: 2 }),
  },
  { requiredKeys: ["name"] },
);
const objectArbitrary = fc.record(
  {
    metadata: fc.record({
      finalizers: fc.uniqueArray(fc.constantFrom("f", "g", "h")),
      labels: fc.dictionary(fc.constantFrom("k", "l"), fc.constantFrom("1", "2")),
    }),
    spec: fc.record({
      containers: fc.uniqueArray(containerArbitrary, { selector: (c) => c.name }),
    }),
  },
  { requiredKeys: [] },
);

test("property: a patch applied twice is a patch applied once, and mutates nothing", () => {
  fc.assert(
    fc.property(objectArbitrary, objectArbitrary, (target, patch) => {
      const once = apply(target, patch);
      expect(apply(once, patch)).toBe(once);
    }),
  );
});

test("property: an object patched with itself is unchanged", () => {
  fc.assert(
    fc.property(objectArbitrary, (target) => {
      expect(apply(target, structuredClone(target))).toBe(target);
    }),
  );
});
