/** Deployments and ReplicaSets: selectors, rollout bounds, columns. */
import { describe, expect, test } from "vitest";
import { type Deployment, deployments } from "../../../src/kube/kinds/deployment.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const labels = { app: "web" };
const template = {
  metadata: { labels },
  spec: {
    containers: [
      { name: "app", image: "web:1" },
      { name: "log", image: "log:2" },
    ],
  },
};
const spec = { selector: { matchLabels: labels }, template };
const both = [
  ["Deployment", deployments],
  ["ReplicaSet", replicaSets],
] as const;

describe.each(both)("%s", (_name, kind) => {
  const check = (changed: Draft) =>
    problems<Deployment>(kind as never, { spec: { ...spec, ...changed } });

  test("is fine when selector and template agree", () => {
    expect(check({})).toEqual([]);
    expect(
      check({
        selector: { matchExpressions: [{ key: "app", operator: "In", values: ["web", "x"] }] },
      }),
    ).toEqual([]);
  });

  const bad: [what: string, changed: Draft, expected: string][] = [
    ["no selector", { selector: undefined }, "spec.selector: Required value"],
    [
      "an empty selector",
      { selector: {} },
      "spec.selector: Invalid value: {}: empty selector is invalid for",
    ],
    [
      "a selector that misses the template",
      { selector: { matchLabels: { app: "api" } } },
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
    [
      "a selector with an unknown operator",
      { selector: { matchExpressions: [{ key: "app", operator: "Like", values: ["w"] }] } },
      'spec.selector.matchExpressions[0].operator: Unsupported value: "Like"',
    ],
    [
      "In without values",
      { selector: { matchExpressions: [{ key: "app", operator: "In" }] } },
      "spec.selector.matchExpressions[0].values: Required value",
    ],
    [
      "negative replicas",
      { replicas: -1 },
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ],
    [
      "pods that end",
      { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      "a deadline",
      { template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } },
      "spec.template.spec.activeDeadlineSeconds: Forbidden",
    ],
    [
      "a bad container, at its path in the template",
      { template: { ...template, spec: { containers: [{ name: "App", image: "web" }] } } },
      'spec.template.spec.containers[0].name: Invalid value: "App"',
    ],
    [
      "a bad template label",
      { template: { ...template, metadata: { labels: { app: "web", x: "a b" } } } },
      "spec.template.metadata.labels[x]",
    ],
  ];
  test.each(bad)("refuses %s", (_what, changed, expected) => {
    const found = check(changed);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  test("keeps its selector for life", () => {
    const previous = draft<Deployment>(kind as never, { spec });
    const next = draft<Deployment>(kind as never, {
      spec: { ...spec, selector: { matchLabels: { app: "web", v: "2" } } },
    });
    const { validateUpdate } = (kind as typeof deployments).strategy;
    expect(shown(validateUpdate?.(next, previous) ?? [])[0]).toContain("field is immutable");
    expect(validateUpdate?.(previous, previous)).toEqual([]);
  });
});

describe("the rollout of a Deployment", () => {
  const strategyOf = (strategy: Draft | undefined) =>
    completed(deployments, { spec: { ...spec, strategy } }).spec?.strategy;
  const check = (changed: Draft) => problems(deployments, { spec: { ...spec, ...changed } });

  test("moves by a quarter unless told otherwise", () => {
    const quarter = { maxSurge: "25%", maxUnavailable: "25%" };
    expect(strategyOf(undefined)).toEqual({ type: "RollingUpdate", rollingUpdate: quarter });
    expect(strategyOf({})).toEqual({ type: "RollingUpdate", rollingUpdate: quarter });
    expect(strategyOf({ rollingUpdate: { maxSurge: 1 } })).toEqual({
      type: "RollingUpdate",
      rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" },
    });
    expect(strategyOf({ type: "Recreate" })).toEqual({ type: "Recreate" });
  });

  const bad: [what: string, changed: Draft, expected: string][] = [
    [
      "no room to move",
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } } },
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ],
    [
      "more than all pods away",
      { strategy: { rollingUpdate: { maxUnavailable: "101%" } } },
      "must not be greater than 100%",
    ],
    [
      "a surge that is no number",
      { strategy: { rollingUpdate: { maxSurge: "many" } } },
      "spec.strategy.rollingUpdate.maxSurge",
    ],
    [
      "a negative surge",
      { strategy: { rollingUpdate: { maxSurge: -1 } } },
      "spec.strategy.rollingUpdate.maxSurge",
    ],
    [
      "bounds for Recreate",
      { strategy: { type: "Recreate", rollingUpdate: {} } },
      "spec.strategy.rollingUpdate: Forbidden",
    ],
    [
      "an unknown type",
      { strategy: { type: "Blue" } },
      'spec.strategy.type: Unsupported value: "Blue"',
    ],
    [
      "a deadline before pods count as available",
      { minReadySeconds: 600 },
      "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
    ],
    ["a negative history", { revisionHistoryLimit: -1 }, "spec.revisionHistoryLimit"],
  ];
  test.each(bad)("refuses %s", (_what, changed, expected) => {
    const found = check(changed);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  test("changes to Recreate though apply leaves the former bounds in", () => {
    const rollingUpdate = { maxSurge: "25%", maxUnavailable: "25%" };
    const of = (strategy: Draft) => draft(deployments, { spec: { ...spec, strategy } });
    const previous = of({ type: "RollingUpdate", rollingUpdate });
    const prepare = (strategy: Draft) =>
      deployments.strategy.prepareForUpdate?.(of(strategy), previous).spec?.strategy;
    expect(prepare({ type: "Recreate", rollingUpdate })).toEqual({ type: "Recreate" });
    const own = { type: "Recreate", rollingUpdate: { maxSurge: 5 } };
    expect(prepare(own)).toEqual(own);
  });

  test("reports counts that can be true", () => {
    const status = (fields: Draft) =>
      shown(
        deployments.strategy.validateStatusUpdate?.(
          draft(deployments, { status: fields }),
          draft(deployments),
        ) ?? [],
      );
    expect(
      status({ replicas: 3, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 3 }),
    ).toEqual([]);
    expect(status({ replicas: 1, readyReplicas: 2 })[0]).toContain("status.readyReplicas");
    expect(status({ replicas: 2, readyReplicas: 1, availableReplicas: 2 })[0]).toContain(
      "status.availableReplicas",
    );
    expect(status({ replicas: -1 })[0]).toContain("status.replicas");
  });
});

test("kubectl get deployments -o wide", () => {
  const object = draft(deployments, {
    metadata: { creationTimestamp: "2025-12-31T22:00:00Z" },
    spec: { ...spec, replicas: 3 },
    status: { replicas: 4, readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
  });
  expect(cells(deployments, object)).toEqual({
    Name: "web",
    Ready: "2/3",
    "Up-to-date": 1,
    Available: 2,
    Age: "120m",
    Containers: "app,log",
    Images: "web:1,log:2",
    Selector: "app=web",
  });
});

test("kubectl get replicasets -o wide", () => {
  const selector = {
    matchLabels: { b: "2", a: "1" },
    matchExpressions: [{ key: "c", operator: "NotIn", values: ["y", "x"] }],
  };
  const object = draft(replicaSets, {
    spec: { ...spec, selector, replicas: 3 },
    status: { replicas: 3, readyReplicas: 2 },
  });
  expect(cells(replicaSets, object)).toMatchObject({
    Desired: 3,
    Current: 3,
    Ready: 2,
    Selector: "a=1,b=2,c notin (x,y)",
  });
});
