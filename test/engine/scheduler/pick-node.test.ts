import { expect, it } from "vitest";
import { feasibleWanted, pickNode } from "../../../src/engine/scheduler/pick-node.ts";
import { candidate, cluster, node, pod, requesting } from "./cluster-fixtures.ts";

it("says why there is no node, in upstream's words", () => {
  expect(pickNode(candidate(pod()), [])).toEqual({
    message: "no nodes available to schedule pods",
  });
  const { nodes } = cluster(
    node("a"),
    node("b", { allocatable: { cpu: "500m" } }),
    node("c", { spec: { unschedulable: true } }),
  );
  expect(pickNode(candidate(requesting({ cpu: "5" })), nodes)).toEqual({
    message: "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.",
  });
});

it("prefers the emptier node", () => {
  const state = cluster(node("a"), node("b"));
  state.place(requesting({ cpu: "1", memory: "1Gi" }), "a");
  expect(pickNode(candidate(pod()), state.nodes)).toMatchObject({ node: { name: "b" } });
});

it("prefers a node whose cpu and memory are used evenly", () => {
  // Both have the same share left over on average.
  const state = cluster(node("even"), node("odd"));
  state.place(requesting({ cpu: "2", memory: "4Gi" }), "even");
  state.place(requesting({ cpu: "4", memory: "1" }), "odd");
  const tiny = requesting({ cpu: "0", memory: "1" });
  expect(pickNode(candidate(tiny), state.nodes)).toMatchObject({ node: { name: "even" } });
});

it("follows preferred affinity and avoids PreferNoSchedule", () => {
  const { nodes } = cluster(
    node("plain"),
    node("liked", { labels: { zone: "a" } }),
    node("unwanted", { spec: { taints: [{ key: "t", effect: "PreferNoSchedule" }] } }),
  );
  const picky = pod({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: "zone", operator: "Exists" }] } },
        ],
      },
    },
  });
  expect(pickNode(candidate(picky), nodes)).toMatchObject({ node: { name: "liked" } });
  for (let turn = 0; turn < 20; turn++)
    expect(pickNode(candidate(pod()), nodes)).not.toMatchObject({ node: { name: "unwanted" } });
});

it("spreads equal choices by chance", () => {
  const { nodes } = cluster(node("a"), node("b"));
  const chosen = (value: number) => pickNode(candidate(pod()), nodes, 0, () => value);
  expect(chosen(0.1)).toMatchObject({ node: { name: "b" } });
  expect(chosen(0.9)).toMatchObject({ node: { name: "a" } });
});

it("looks at enough nodes of a large cluster, going round", () => {
  expect(feasibleWanted(50)).toBe(100);
  expect(feasibleWanted(1000)).toBe(420);
  expect(feasibleWanted(100_000)).toBe(5000);
  const { nodes } = cluster(...Array.from({ length: 300 }, (_, index) => node(`n${index}`)));
  expect(pickNode(candidate(pod()), nodes, 250)).toMatchObject({ next: 92 });
});
