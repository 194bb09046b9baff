import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dependencyKeys,
  followsSameBranch,
  mattersToDependents,
  type ReadyExpression,
  waitsFor,
} from "../../../src/gitops/gates/dependencies.ts";
import { loadReadyExpressions } from "../../../src/gitops/gates/ready-expression.ts";
import type {
  Application,
  ApplicationSpec,
  ApplicationStatus,
} from "../../../src/kube/kinds/application.ts";
import { keyOf } from "../../../src/kube/object.ts";

const SHA = "a".repeat(40);
const OLD = "b".repeat(40);
const READY: ApplicationStatus = {
  sync: { status: "Synced", revision: SHA },
  health: { status: "Healthy" },
  observedGeneration: 1,
};
function app(
  name: string,
  dependsOn: ApplicationSpec["dependsOn"] = [],
  status: ApplicationStatus = READY,
  spec: Partial<ApplicationSpec> = {},
): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name, namespace: "default", generation: 1 },
    spec: {
      source: { repoURL: "https://git.example/app.git" },
      destination: {},
      dependsOn,
      ...spec,
    },
    status,
  };
}
const never: ReadyExpression = () => {
  throw new Error("no expression was given");
};
function waits(
  self: Application,
  others: readonly Application[],
  options: { newest?: string; evaluate?: ReadyExpression } = {},
) {
  const all = new Map([self, ...others].map((application) => [keyOf(application), application]));
  return waitsFor(self, {
    applicationOf: (key) => all.get(key),
    evaluate: options.evaluate ?? never,
    newestOf: () => options.newest,
  });
}
const web = app("web", [{ name: "db" }]);

describe("a dependency is ready when it is in sync and healthy", () => {
  test.each<[string, ApplicationStatus, string | undefined]>([
    ["both", READY, undefined],
    ["nothing known", {}, "has not been looked at since it changed"],
    ["out of sync", { ...READY, sync: { status: "OutOfSync" } }, "is OutOfSync"],
    ["its repository cannot be read", { ...READY, sync: { status: "Unknown" } }, "is Unknown"],
    [
      "progressing",
      { ...READY, health: { status: "Progressing", message: "0 of 1" } },
      "is Progressing (0 of 1)",
    ],
    ["degraded", { ...READY, health: { status: "Degraded" } }, "is Degraded"],
    [
      "its spec changed since",
      { ...READY, observedGeneration: 0 },
      "has not been looked at since it changed",
    ],
    [
      "being synced",
      { ...READY, operationState: { phase: "Running", startedAt: "" } },
      "is being synced",
    ],
  ])("%s", (_name, status, message) => {
    const waiting = waits(web, [app("db", [], status)]);
    if (message === undefined) expect(waiting).toBeUndefined();
    else
      expect(waiting).toEqual({
        forGood: false,
        reason: "NotReady",
        message: `default/db ${message}`,
      });
  });

  test("in its own namespace unless another is named", () => {
    expect(dependencyKeys(app("web", [{ name: "db" }, { name: "db", namespace: "data" }]))).toEqual(
      ["default/db", "data/db"],
    );
  });

  test("one that is being deleted is not", () => {
    const db = app("db");
    const going = {
      ...db,
      metadata: { ...db.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    expect(waits(web, [going])?.message).toBe("default/db is being deleted");
  });

  test("all that are missing are named, and what waiting does not mend comes first", () => {
    const self = app("web", [{ name: "db" }, { name: "gone" }]);
    expect(waits(self, [app("db", [], {})])).toEqual({
      forGood: true,
      reason: "DependencyMissing",
      message:
        "default/db has not been looked at since it changed; there is no Application default/gone",
    });
  });
});

describe("of the same repository and branch it must be at its newest commit", () => {
  const at = (revision: string, spec: Partial<ApplicationSpec> = {}): Application =>
    app("db", [], { ...READY, sync: { status: "Synced", revision } }, spec);
  const source = (repoURL: string, targetRevision?: string): Partial<ApplicationSpec> => ({
    source: { repoURL, ...(targetRevision === undefined ? {} : { targetRevision }) },
  });
  test.each<[string, Partial<ApplicationSpec>, boolean]>([
    ["the same", {}, true],
    ["another repository", source("https://git.example/other.git"), false],
    ["another branch", source("https://git.example/app.git", "v1"), false],
    ["the same branch by name", source("https://git.example/app.git", "HEAD"), true],
    ["the same address in another form", source("https://git.example/app/"), true],
    [
      "the first of several",
      { sources: [{ repoURL: "https://git.example/app" }, { repoURL: "x" }] },
      true,
    ],
  ])("%s", (_name, spec, same) => {
    const { source: _given, ...rest } = app("db").spec;
    const db = {
      ...app("db"),
      spec: spec.sources === undefined ? { ...app("db").spec, ...spec } : { ...rest, ...spec },
    };
    expect(followsSameBranch(db, web)).toBe(same);
  });

  test("until it is, the other waits", () => {
    expect(waits(web, [at(SHA)], { newest: SHA })).toBeUndefined();
    expect(waits(web, [at(OLD)], { newest: SHA })?.message).toBe(
      "default/db is not at aaaaaaaaaaaa yet",
    );
    // Nothing is known, or going back needs no order.
    expect(waits(web, [at(OLD)])).toBeUndefined();
  });

  test("one that was rolled back from it holds the others, and is named", () => {
    const rollback = { revision: OLD, insteadOf: SHA };
    const status: ApplicationStatus = {
      ...READY,
      sync: { status: "Synced", revision: OLD },
      rollback,
    };
    expect(waits(web, [app("db", [], status)], { newest: SHA })?.message).toBe(
      "default/db was rolled back from aaaaaaaaaaaa",
    );
  });
});

describe("circles are found", () => {
  test.each<[string, Record<string, string[]>, string | undefined]>([
    ["itself", { a: ["a"] }, "default/a → default/a"],
    ["two", { a: ["b"], b: ["a"] }, "default/a → default/b → default/a"],
    ["three", { a: ["b"], b: ["c"], c: ["a"] }, "default/a → default/b → default/c → default/a"],
    [
      "beside a way that ends",
      { a: ["d", "b"], b: ["a"], d: [] },
      "default/a → default/b → default/a",
    ],
    ["a diamond is none", { a: ["b", "c"], b: ["d"], c: ["d"], d: [] }, undefined],
    ["a circle further on is not this one's", { a: ["b"], b: ["c"], c: ["b"] }, undefined],
  ])("%s", (_name, graph, cycle) => {
    const [self, ...others] = Object.entries(graph).map(([name, names]) =>
      app(
        name,
        names.map((dep) => ({ name: dep })),
      ),
    );
    const waiting = self === undefined ? undefined : waits(self, others);
    if (cycle === undefined) expect(waiting).toBeUndefined();
    else
      expect(waiting).toMatchObject({
        forGood: true,
        reason: "DependencyCycle",
        message: expect.stringContaining(cycle) as string,
      });
  });

  test("any graph: found exactly where a way leads back", () => {
    const graphs = fc.array(fc.uniqueArray(fc.nat(5), { maxLength: 3 }), {
      minLength: 6,
      maxLength: 6,
    });
    fc.assert(
      fc.property(graphs, (graph) => {
        const [self, ...others] = graph.map((to, from) =>
          app(
            `n${from}`,
            to.map((n) => ({ name: `n${n}` })),
          ),
        );
        const reached = new Set<number>();
        const visit = (node: number): void =>
          (graph[node] ?? []).forEach((next) => {
            if (reached.has(next)) return;
            reached.add(next);
            visit(next);
          });
        visit(0);
        const found = self === undefined ? undefined : waits(self, others);
        expect(found?.reason === "DependencyCycle").toBe(reached.has(0));
      }),
    );
  });

  test("a chain of ten thousand does not overflow anything", () => {
    const chain = Array.from({ length: 10_000 }, (_, n) => app(`n${n}`, [{ name: `n${n + 1}` }]));
    const [self, ...others] = [...chain, app("n10000")];
    expect(self === undefined ? "" : waits(self, others)).toBeUndefined();
  });
});

describe("readyExpr instead of in sync and healthy", () => {
  const ask = async (readyExpr: string, dep = app("db")) =>
    waits(app("web", [{ name: "db", readyExpr }], READY, { project: "shop" }), [dep], {
      evaluate: await loadReadyExpressions(),
    });
  const labelled = (labels: Record<string, string>): Application => {
    const db = app("db", [], {});
    return { ...db, metadata: { ...db.metadata, labels } };
  };

  test.each<[string, Application, boolean]>([
    ["dep.metadata.labels['ready'] == 'yes'", labelled({ ready: "yes" }), true],
    ["dep.metadata.labels['ready'] == 'yes'", labelled({ ready: "no" }), false],
    [
      "dep.status.health.status in ['Healthy', 'Suspended']",
      app("db", [], { health: { status: "Suspended" } }),
      true,
    ],
    ["self.spec.project == 'shop' && dep.metadata.name == 'db'", app("db", [], {}), true],
    ["dep.status.sync.revision.startsWith('a')", app("db"), true],
  ])("%s: %#", async (expression, dep, ready) => {
    const waiting = await ask(expression, dep);
    if (ready) expect(waiting).toBeUndefined();
    else
      expect(waiting).toMatchObject({
        forGood: false,
        reason: "NotReady",
        message: expect.stringContaining(expression) as string,
      });
  });

  test("a field that is not there yet is waited for", async () => {
    expect(await ask("dep.status.health.status == 'Healthy'", app("db", [], {}))).toMatchObject({
      forGood: false,
      reason: "NotReady",
    });
  });

  test.each(["dep.status ==", "dep.status.health.status", "nonsense(dep)", "1 + 1"])(
    "%s is an error that says so",
    async (expression) => {
      expect(await ask(expression)).toMatchObject({
        forGood: true,
        reason: "InvalidExpression",
        message: expect.stringContaining("readyExpr is wrong") as string,
      });
    },
  );
});

test("dependents are told of what can matter to them, and only of that", () => {
  const before = app("db");
  expect(
    mattersToDependents(before, { ...before, status: { ...READY, reconciledAt: "later" } }),
  ).toBe(false);
  expect(
    mattersToDependents(before, {
      ...before,
      status: { ...READY, health: { status: "Degraded" } },
    }),
  ).toBe(true);
  expect(
    mattersToDependents(before, {
      ...before,
      metadata: { ...before.metadata, labels: { ready: "yes" } },
    }),
  ).toBe(true);
  expect(mattersToDependents(before, undefined)).toBe(true);
  expect(mattersToDependents(undefined, before)).toBe(true);
});
