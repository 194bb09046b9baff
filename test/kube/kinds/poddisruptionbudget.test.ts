import { expect, test } from "vitest";
import { podDisruptionBudgets } from "../../../src/kube/kinds/poddisruptionbudget.ts";
import { cells, type Draft, draft, problems, shown } from "./checked.ts";

const selector = { matchLabels: { app: "web" } };
const check = (spec: Draft): string[] => problems(podDisruptionBudgets, { spec });

test.each<[what: string, spec: Draft]>([
  ["a number", { selector, minAvailable: 2 }],
  ["none at all", { selector, maxUnavailable: 0 }],
  ["a percentage", { selector, maxUnavailable: "100%" }],
  ["every pod of the namespace", { selector: {}, minAvailable: 1 }],
  ["a policy", { selector, minAvailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" }],
])("takes %s", (_what, spec) => {
  expect(check(spec)).toEqual([]);
});

test.each<[what: string, spec: Draft, problem: string]>([
  ["both bounds", { minAvailable: 1, maxUnavailable: 1 }, "spec: Invalid value"],
  ["less than nothing", { minAvailable: -1 }, "spec.minAvailable: Invalid value: -1"],
  ["more than all", { maxUnavailable: "101%" }, 'spec.maxUnavailable: Invalid value: "101%"'],
  ["text that is no percentage", { minAvailable: "half" }, "spec.minAvailable: Invalid value"],
  ["a fraction", { minAvailable: 1.5 }, "spec.minAvailable: Invalid value"],
  [
    "a policy that there is not",
    { minAvailable: 1, unhealthyPodEvictionPolicy: "Never" },
    'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never"',
  ],
  [
    "a selector without values",
    { minAvailable: 1, selector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    "spec.selector.matchExpressions[0].values: Required value",
  ],
])("refuses %s", (_what, spec, problem) => {
  expect(check(spec)).toEqual([expect.stringContaining(problem)]);
});

test("no count of a status is below zero", () => {
  const of = (status: Draft) => draft(podDisruptionBudgets, { status });
  const update = podDisruptionBudgets.strategy.validateStatusUpdate?.bind(
    podDisruptionBudgets.strategy,
  );
  expect(update?.(of({ disruptionsAllowed: 0 }), of({}))).toEqual([]);
  expect(shown(update?.(of({ disruptionsAllowed: -1 }), of({})) ?? [])).toEqual([
    expect.stringContaining("status.disruptionsAllowed: Invalid value: -1"),
  ]);
});

test("warns of a budget that lets nothing go and of one that holds nothing", () => {
  const warnings = (spec: Draft) =>
    podDisruptionBudgets.strategy.warnings?.(draft(podDisruptionBudgets, { spec }));
  expect(warnings({ selector, minAvailable: 1 })).toEqual([]);
  expect(warnings({ selector })).toEqual([expect.stringContaining("neither minAvailable nor")]);
  expect(warnings({ minAvailable: 1 })).toEqual([expect.stringContaining("spec.selector")]);
});

test("shows what kubectl shows", () => {
  const budget = draft(podDisruptionBudgets, {
    spec: { selector, minAvailable: "50%" },
    status: { disruptionsAllowed: 3 },
  });
  expect(cells(podDisruptionBudgets, budget)).toMatchObject({
    "Min Available": "50%",
    "Max Unavailable": "N/A",
    "Allowed Disruptions": 3,
  });
});
