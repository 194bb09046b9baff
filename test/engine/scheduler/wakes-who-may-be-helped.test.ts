/** An event moves only the pods that it may help; what never fits costs nothing while nothing changes. */
import { expect, test } from "vitest";
import { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import { SchedulingQueue } from "../../../src/engine/scheduler/queue/scheduling-queue.ts";
import type { ClusterEvent } from "../../../src/engine/scheduler/queue/cluster-event.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { ManualClock } from "../../manual-clock.ts";
import { cycleOf, node, plugins, pod, requesting } from "./cluster-fixtures.ts";

const tainted = { spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] } };

function nodeEvent(state: ClusterState, made: ReturnType<typeof node>): ClusterEvent {
  state.setNode(made);
  const found = state.node(made.metadata.name);
  if (found === undefined) throw new Error("no such node");
  return { type: "node", node: found };
}
function helps(plugin: string, made: Pod, event: ClusterEvent, state = new ClusterState()) {
  const found = plugins.filters.find(({ name }) => name === plugin);
  return found?.mayHelp(event, cycleOf(made, state));
}

test("a node helps those that it suits", () => {
  const state = new ClusterState();
  const small = nodeEvent(state, node("small", { allocatable: { cpu: "1" } }));
  expect(helps("NodeResourcesFit", requesting({ cpu: "2" }), small)).toBe(false);
  expect(helps("NodeResourcesFit", requesting({ cpu: "1" }), small)).toBe(true);
  expect(helps("NodeAffinity", pod({ nodeSelector: { disk: "ssd" } }), small)).toBe(false);
  const ssd = nodeEvent(state, node("ssd", { labels: { disk: "ssd" } }));
  expect(helps("NodeAffinity", pod({ nodeSelector: { disk: "ssd" } }), ssd)).toBe(true);
  expect(helps("TaintToleration", pod(), nodeEvent(state, node("gpu", tainted)))).toBe(false);
  expect(helps("TaintToleration", pod(), nodeEvent(state, node("gpu")))).toBe(true);
  const cordoned = nodeEvent(state, node("c", { spec: { unschedulable: true } }));
  expect(helps("NodeUnschedulable", pod(), cordoned)).toBe(false);
});

test("a pod that goes helps those whom it left enough room", () => {
  const state = new ClusterState();
  state.setNode(node("n"));
  const big = requesting({ cpu: "3" });
  state.place(big, "n");
  const little = requesting({ cpu: "500m" });
  state.place(little, "n");
  const gone = state.free(little.metadata.uid ?? "");
  if (gone === undefined) throw new Error("nothing was freed");
  const event: ClusterEvent = { type: "pod gone", pod: gone };
  expect(helps("NodeResourcesFit", requesting({ cpu: "2" }), event)).toBe(false);
  expect(helps("NodeResourcesFit", requesting({ cpu: "1" }), event)).toBe(true);
  expect(helps("NodePorts", requesting({ cpu: "1" }), event)).toBe(false);
});

test("a pod that comes helps those that want to be near it, one that goes those that do not", () => {
  const labelSelector = { matchLabels: { app: "db" } };
  const terms = [{ topologyKey: "zone", labelSelector }];
  const near = pod({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const apart = pod({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const state = new ClusterState();
  state.setNode(node("n"));
  const of = (app: string) => state.place(pod({}, app, { app }), "n");
  const [db, other] = [of("db"), of("other")];
  expect(helps("InterPodAffinity", near, { type: "pod placed", pod: db })).toBe(true);
  expect(helps("InterPodAffinity", near, { type: "pod placed", pod: other })).toBe(false);
  expect(helps("InterPodAffinity", near, { type: "pod gone", pod: db })).toBe(false);
  expect(helps("InterPodAffinity", apart, { type: "pod gone", pod: db })).toBe(true);
  expect(helps("InterPodAffinity", apart, { type: "pod gone", pod: other })).toBe(false);
});

test("one answer does for all pods that are alike", () => {
  let asked = 0;
  const queue = new SchedulingQueue({
    clock: new ManualClock(),
    onReady: () => undefined,
    mayHelp: () => asked++ < 0,
  });
  for (let index = 0; index < 1_000; index++) {
    queue.add(pod({ nodeSelector: { disk: "ssd" } }, `p${index}`));
    const taken = queue.take();
    if (taken !== undefined) queue.rest(taken, ["NodeAffinity"]);
  }
  queue.tell({ type: "volumes" });
  while (queue.review(100));
  expect(asked).toBe(1);
  expect(queue.take()).toBeUndefined();
  expect(queue.length).toBe(1_000);
});

test("more news than can be kept wakes everybody", () => {
  const state = new ClusterState();
  const queue = new SchedulingQueue({
    clock: new ManualClock(),
    onReady: () => undefined,
    mayHelp: () => false,
  });
  queue.add(pod());
  const taken = queue.take();
  if (taken === undefined) throw new Error("nothing to take");
  queue.rest(taken, []);
  for (let index = 0; index < 300; index++) queue.tell(nodeEvent(state, node(`n${index}`)));
  while (queue.review(100));
  expect(queue.take()).toBe(taken);
});

test("news is looked at in small portions", () => {
  const queue = new SchedulingQueue({
    clock: new ManualClock(),
    onReady: () => undefined,
    mayHelp: () => true,
  });
  for (let index = 0; index < 10; index++) {
    queue.add(pod({}, `p${index}`));
    const taken = queue.take();
    if (taken !== undefined) queue.rest(taken, []);
  }
  queue.tell({ type: "volumes" });
  expect(queue.review(4)).toBe(true);
  const woken = (): number => {
    let count = 0;
    while (queue.take() !== undefined) count++;
    return count;
  };
  expect(woken()).toBe(4);
  while (queue.review(4));
  expect(woken()).toBe(6);
});
