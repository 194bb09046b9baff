import { expect, test } from "vitest";
import { rankForDeletion } from "../../../../src/engine/controllers/replicaset/deletion-ranking.ts";
import { NOW_MS, pod } from "../sample-objects.ts";

const ranked = (pods: ReturnType<typeof pod>[], related = pods): string[] =>
  rankForDeletion(pods, related, NOW_MS).map(({ metadata }) => metadata.name);

test("each rule decides before the ones after it", () => {
  const good = { readyFor: 1_000, createdBefore: 1_000, node: "alone" };
  const inOrder = [
    pod("unassigned", { ...good, node: "", phase: "Pending" }),
    pod("pending", { ...good, phase: "Pending" }),
    pod("unknown", { ...good, phase: "Unknown" }),
    pod("not-ready", { createdBefore: 1_000, cost: "1000" }),
    pod("cheap", { ...good, cost: "-5" }),
    pod("crowded", { ...good, node: "crowded" }),
    pod("ready-lately", { ...good, readyFor: 3 }),
    pod("restarted", { ...good, restarts: 3 }),
    pod("created-lately", { ...good, createdBefore: 3 }),
    pod("best", good),
    pod("dear", { ...good, cost: "10" }),
  ];
  const neighbours = [1, 2, 3, 4, 5, 6, 7].map((n) =>
    pod(`n${n}`, { node: "crowded", readyFor: 5 }),
  );
  const related = [...inOrder, ...neighbours, ...neighbours.map((p) => ({ ...p }))];
  const names = inOrder.map(({ metadata }) => metadata.name);
  expect(ranked([...inOrder].reverse(), related)).toEqual(names);
  expect(ranked(inOrder, related)).toEqual(names);
});

test("ages of one order of magnitude count the same: the uid decides", () => {
  const pods = [
    pod("c", { readyFor: 70_000 }),
    pod("a", { readyFor: 100_000 }),
    pod("b", { readyFor: 90_000 }),
    pod("young", { readyFor: 10 }),
  ];
  expect(ranked(pods)).toEqual(["young", "a", "b", "c"]);
});

test("a malformed cost annotation costs nothing and breaks nothing", () => {
  const pods = [
    pod("odd", { readyFor: 10, cost: "a lot" }),
    pod("low", { readyFor: 10, cost: "-1" }),
  ];
  expect(ranked(pods)).toEqual(["low", "odd"]);
});
