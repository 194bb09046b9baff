import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownersOf } from "../../src/kube/apply/ownership.ts";
import { diffObjects, MASKED } from "../../src/kube/diff.ts";
import { applied, containers, identity, schema, web } from "./apply/web-deployment.ts";

const changesOf = (live: unknown, next: unknown, options = {}) =>
  diffObjects(live, next, { schema, ...options }).map((found) => {
    const { fieldPath: _, ...change } = found;
    return change;
  });

describe("a difference", () => {
  test("names the field with the keys of list elements", () => {
    const live = web({
      replicas: 1,
      ...containers({ name: "web", image: "web:1", env: [{ name: "A", value: "1" }] }),
    });
    const next = web({
      paused: true,
      ...containers({
        name: "web",
        image: "web:2",
        env: [{ name: "A", value: "2" }, { name: "B" }],
      }),
    });
    expect(changesOf(live, next)).toEqual([
      { path: "spec.replicas", type: "remove", from: 1 },
      {
        path: 'spec.template.spec.containers[name="web"].image',
        type: "change",
        from: "web:1",
        to: "web:2",
      },
      {
        path: 'spec.template.spec.containers[name="web"].env[name="A"].value',
        type: "change",
        from: "1",
        to: "2",
      },
      {
        path: 'spec.template.spec.containers[name="web"].env[name="B"]',
        type: "add",
        to: { name: "B" },
      },
      { path: "spec.paused", type: "add", to: true },
    ]);
  });

  test("puts names that are no plain words in brackets", () => {
    const live = web(undefined, { annotations: { "example.com/a": "1", plain: "1" } });
    const next = web(undefined, { annotations: { "example.com/a": "2", plain: "2" } });
    expect(changesOf(live, next).map(({ path }) => path)).toEqual([
      "metadata.annotations[example.com/a]",
      "metadata.annotations.plain",
    ]);
  });

  test("goes into values that are replaced as a whole, as far as that tells more", () => {
    const live = web({
      selector: { matchLabels: { app: "a" } },
      ...containers({ name: "w", args: ["1"] }),
    });
    const next = web({
      selector: { matchLabels: { app: "b" } },
      ...containers({ name: "w", args: ["1", "2"] }),
    });
    expect(changesOf(live, next)).toEqual([
      { path: "spec.selector.matchLabels.app", type: "change", from: "a", to: "b" },
      {
        path: 'spec.template.spec.containers[name="w"].args',
        type: "change",
        from: ["1"],
        to: ["1", "2"],
      },
    ]);
    const tolerate = (...tolerations: object[]) => web({ template: { spec: { tolerations } } });
    expect(
      changesOf(tolerate({ key: "a", value: "x" }), tolerate({ key: "a", value: "y" })),
    ).toEqual([
      { path: "spec.template.spec.tolerations[0].value", type: "change", from: "x", to: "y" },
    ]);
  });

  test("is none where values mean the same", () => {
    const cpu = (value: unknown) =>
      web(containers({ name: "w", resources: { limits: { cpu: value } } }));
    expect(changesOf(cpu("1"), cpu("1000m"))).toEqual([]);
    expect(changesOf(cpu("1"), cpu("1001m"))).toHaveLength(1);
    expect(changesOf(web({ replicas: null }), web({}))).toEqual([]);
    expect(changesOf(web({ replicas: 1 }), structuredClone(web({ replicas: 1 })))).toEqual([]);
  });

  test("of order alone is one change of the list", () => {
    const list = (...names: string[]) => web(containers(...names.map((name) => ({ name }))));
    expect(changesOf(list("a", "b"), list("b", "a"))).toMatchObject([
      { path: "spec.template.spec.containers", type: "change" },
    ]);
    expect(changesOf(list("a", "b"), list("a", "c", "b"))).toMatchObject([
      { path: 'spec.template.spec.containers[name="c"]', type: "add" },
    ]);
  });

  test("between elements that cannot be told apart is one change of the list", () => {
    const env = (...values: string[]) =>
      web(containers({ name: "w", env: values.map((value) => ({ name: "A", value })) }));
    expect(changesOf(env("1", "2"), env("1", "2"))).toEqual([]);
    expect(changesOf(env("1", "2"), env("1", "3"))).toMatchObject([
      { path: 'spec.template.spec.containers[name="w"].env', type: "change" },
    ]);
  });

  test("can be left out", () => {
    const ignore = (path: string) => path === "spec.replicas" || path === "metadata.labels";
    expect(
      changesOf(web({ replicas: 1 }), web({ replicas: 2 }, { labels: { a: "b" } }), { ignore }),
    ).toEqual([]);
  });

  test("leads to the owners of the field", () => {
    const live = applied(
      undefined,
      "gantry",
      web({ replicas: 1, ...containers({ name: "web", image: "web:1" }) }),
    );
    const drifted = web({ replicas: 1, ...containers({ name: "web", image: "web:2" }) });
    const [change] = diffObjects({ ...live, metadata: identity.metadata }, drifted, { schema });
    expect(ownersOf(live, change?.fieldPath ?? []).map(({ manager }) => manager)).toEqual([
      "gantry",
    ]);
  });

  test("without a schema compares lists as a whole", () => {
    const live = {
      apiVersion: "a/v1",
      kind: "W",
      metadata: { name: "w" },
      spec: { list: [1, 2], a: 1 },
    };
    expect(diffObjects(live, { ...live, spec: { list: [2, 1], a: 1 } })).toMatchObject([
      { path: "spec.list", type: "change", from: [1, 2], to: [2, 1] },
    ]);
  });
});

describe("values to be hidden", () => {
  const secret = (data?: object) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    ...(data === undefined ? {} : { data }),
  });
  const mask = (path: string) => /^data\b/.test(path);

  test("are told to differ, and not shown", () => {
    expect(
      changesOf(secret({ a: "b2xk", b: "c2FtZQ==" }), secret({ a: "bmV3", b: "c2FtZQ==" }), {
        mask,
      }),
    ).toEqual([{ path: "data.a", type: "change", from: MASKED, to: MASKED }]);
    expect(JSON.stringify(changesOf(secret(), secret({ a: "bmV3" }), { mask }))).not.toContain(
      "bmV3",
    );
    expect(JSON.stringify(changesOf(undefined, secret({ a: "bmV3" }), { mask }))).not.toContain(
      "bmV3",
    );
    expect(JSON.stringify(changesOf(secret({ a: "b2xk" }), undefined, { mask }))).not.toContain(
      "b2xk",
    );
  });
});

const spec = fc.record(
  {
    replicas: fc.constantFrom(1, 2),
    paused: fc.boolean(),
    template: fc.record({
      spec: fc.record({
        containers: fc.uniqueArray(
          fc.record(
            {
              name: fc.constantFrom("a", "b", "c"),
              image: fc.constantFrom("x", "y"),
              args: fc.array(fc.constantFrom("1", "2"), { maxLength: 2 }),
              env: fc.array(
                fc.record({ name: fc.constantFrom("A", "B"), value: fc.constantFrom("1", "2") }),
                { maxLength: 3 },
              ),
            },
            { requiredKeys: ["name"] },
          ),
          { selector: ({ name }) => name, maxLength: 3 },
        ),
      }),
    }),
  },
  { requiredKeys: [] },
);

test("property: there is a difference exactly where objects are not equal", () => {
  fc.assert(
    fc.property(spec, spec, (a, b) => {
      const equal = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
      expect(changesOf(web(a), web(b)).length === 0).toBe(equal);
      expect(changesOf(web(a), structuredClone(web(a)))).toEqual([]);
    }),
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)]),
  );
}
