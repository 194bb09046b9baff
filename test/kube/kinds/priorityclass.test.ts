import { expect, test } from "vitest";
import { priorityClasses } from "../../../src/kube/kinds/priorityclass.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

test("takes a value and defaults the policy", () => {
  expect(problems(priorityClasses, { value: 1_000_000_000 })).toEqual([]);
  expect(completed(priorityClasses)).toMatchObject({
    value: 0,
    preemptionPolicy: "PreemptLowerPriority",
  });
  expect(problems(priorityClasses, { value: -5, preemptionPolicy: "Never" })).toEqual([]);
});

test.each<[what: string, rest: Draft, problem: string]>([
  [
    "what only the system may ask for",
    { value: 1_000_000_001 },
    "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
  ],
  ["text as value", { value: "high" }, "value: Invalid value"],
  [
    "an unknown policy",
    { value: 1, preemptionPolicy: "Sometimes" },
    'preemptionPolicy: Unsupported value: "Sometimes"',
  ],
  [
    "a name of the system's",
    { value: 1, metadata: { name: "system-mine" } },
    "system-mine is not a known system priority class",
  ],
  [
    "another value for a class of the system",
    { value: 1, metadata: { name: "system-node-critical" } },
    "value of system-node-critical PriorityClass must be 2000001000",
  ],
])("refuses %s", (_what, rest, problem) => {
  expect(problems(priorityClasses, rest)).toEqual([expect.stringContaining(problem)]);
});

test("value and policy stay what they are; description and default may change", () => {
  const of = (rest: Draft) => draft(priorityClasses, { value: 1, ...rest });
  const update = (next: Draft, previous: Draft) =>
    shown(priorityClasses.strategy.validateUpdate?.(of(next), of(previous)) ?? []);
  expect(update({ description: "a", globalDefault: true }, {})).toEqual([]);
  expect(update({ value: 2 }, {})).toEqual(["value: Forbidden: may not be changed in an update."]);
  expect(update({ preemptionPolicy: "Never" }, {})).toEqual([
    expect.stringContaining("preemptionPolicy: Invalid value"),
  ]);
});

test("shows what kubectl shows", () => {
  expect(cells(priorityClasses, draft(priorityClasses, { value: 7 }))).toMatchObject({
    Value: 7,
    "Global-Default": false,
    PreemptionPolicy: "PreemptLowerPriority",
  });
});
