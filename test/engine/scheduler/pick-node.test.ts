import { expect, it } from "vitest";
import { feasibleWanted, pickNode } from "../../../src/engine/scheduler/pick-node.ts";
import { choose, cluster, cycleOf, node, plugins, pod, requesting } from "./cluster-fixtures.ts";

it("prefers the emptier node", () => {
  const state = cluster(node("a"), node("b"));
  state.place(requesting({ cpu: "1", memory: "1Gi" }), "a");
  expect(choose(pod(), state)).toBe("b");
});

it("prefers a node whose cpu and memory are used evenly", () => {
  // Both have the same share left over on average.
  const state = cluster(node("even"), node("odd"));
  state.place(requesting({ cpu: "2", memory: "4Gi" }), "even");
  state.place(requesting({ cpu: "4", memory: "1" }), "odd");
  const tiny = requesting({ cpu: "0", memory: "1" });
  expect(choose(tiny, state)).toBe("even");
});

it("follows preferred affinity and avoids PreferNoSchedule", () => {
  const state = cluster(
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
  expect(choose(picky, state)).toBe("liked");
  for (let turn = 0; turn < 20; turn++) expect(choose(pod(), state)).not.toBe("unwanted");
});

it("spreads equal choices by chance", () => {
  const state = cluster(node("a"), node("b"));
  const chosen = (value: number) => choose(pod(), state, { random: () => value });
  expect(chosen(0.1)).toBe("b");
  expect(chosen(0.9)).toBe("a");
});

it("looks at enough nodes of a large cluster, going round", () => {
  expect(feasibleWanted(50)).toBe(100);
  expect(feasibleWanted(1000)).toBe(420);
  expect(feasibleWanted(100_000)).toBe(5000);
  const state = cluster(...Array.from({ length: 300 }, (_, index) => node(`n${index}`)));
  const choice = pickNode(plugins, cycleOf(pod(), state), { start: 250 });
  expect(choice).toMatchObject({ next: 92 });
});
