import { describe, expect, test } from "vitest";
import {
  type ConditionLike,
  findCondition,
  isConditionTrue,
  removeCondition,
  setCondition,
} from "../../src/kube/conditions.ts";

const before = "2026-01-01T00:00:00Z";
const now = "2026-01-01T00:05:00Z";
const ready: ConditionLike = {
  type: "Ready",
  status: "False",
  reason: "Starting",
  lastTransitionTime: before,
};

describe("setCondition", () => {
  test("a new type goes last and starts now", () => {
    const result = setCondition([ready], { type: "Synced", status: "True" }, now);
    expect(result).toEqual([ready, { type: "Synced", status: "True", lastTransitionTime: now }]);
  });

  test("a change of status moves lastTransitionTime", () => {
    const [condition] = setCondition([ready], { type: "Ready", status: "True" }, now);
    expect(condition).toEqual({ type: "Ready", status: "True", lastTransitionTime: now });
  });

  test("a change of reason and message alone does not", () => {
    const changed = { type: "Ready", status: "False", reason: "Failing", message: "no route" };
    expect(setCondition([ready], changed, now)).toEqual([
      { ...changed, lastTransitionTime: before },
    ]);
  });

  test("keeps the order and does not touch its argument", () => {
    const list: readonly ConditionLike[] = Object.freeze([
      ready,
      { type: "B", status: "True", lastTransitionTime: before },
    ]);
    const result = setCondition(list, { type: "Ready", status: "True" }, now);
    expect(result.map(({ type }) => type)).toEqual(["Ready", "B"]);
    expect(list[0]).toBe(ready);
  });
});

test("conditions are found and removed by type", () => {
  expect(findCondition([ready], "Ready")).toBe(ready);
  expect(findCondition(undefined, "Ready")).toBeUndefined();
  expect(isConditionTrue([ready], "Ready")).toBe(false);
  expect(isConditionTrue([{ type: "Ready", status: "True" }], "Ready")).toBe(true);
  expect(removeCondition([ready], "Ready")).toEqual([]);
});
