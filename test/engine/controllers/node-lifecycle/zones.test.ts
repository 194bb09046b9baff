import { expect, test } from "vitest";
import {
  evictionRate,
  isFullyDisrupted,
  zonesOf,
} from "../../../../src/engine/controllers/node-lifecycle/zones.ts";
import type { Node } from "../../../../src/kube/kinds/node.ts";

const node = (zone: string, status: "True" | "False" | "Unknown" | undefined): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n", labels: { "topology.kubernetes.io/zone": zone } },
  status: { conditions: status === undefined ? [] : [{ type: "Ready", status }] },
});
const many = (zone: string, ready: number, lost: number): Node[] => [
  ...Array.from({ length: ready }, () => node(zone, "True")),
  ...Array.from({ length: lost }, () => node(zone, "Unknown")),
];
const only = (nodes: readonly Node[]) => {
  const [zone] = zonesOf(nodes).values();
  if (zone === undefined) throw new Error("there is a zone");
  return { state: zone.state, rate: evictionRate(zone) };
};

test.each([
  ["all well", 3, 0, "Normal", 0.1],
  ["two of three, too few to judge", 1, 2, "Normal", 0.1],
  ["three of five", 2, 3, "PartialDisruption", 0],
  ["half", 3, 3, "Normal", 0.1],
  ["more than half of a large zone", 20, 40, "PartialDisruption", 0.01],
  ["all", 0, 1, "FullDisruption", 0.1],
] as const)("%s", (_, ready, lost, state, rate) => {
  expect(only(many("z", ready, lost))).toEqual({ state, rate });
});

test("only when every zone is lost is it us who are cut off", () => {
  expect(isFullyDisrupted(zonesOf([...many("a", 0, 2), ...many("b", 1, 0)]))).toBe(false);
  expect(isFullyDisrupted(zonesOf([...many("a", 0, 2), ...many("b", 0, 1)]))).toBe(true);
  expect(isFullyDisrupted(zonesOf([]))).toBe(false);
  // Nodes that have just come are no sign of trouble.
  expect(isFullyDisrupted(zonesOf([node("a", undefined)]))).toBe(false);
});
