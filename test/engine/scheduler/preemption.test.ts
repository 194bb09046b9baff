import { describe, expect, test } from "vitest";
import type { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import { pickNode } from "../../../src/engine/scheduler/pick-node.ts";
import { budgetOf } from "../../../src/engine/scheduler/preemption/disruption-budgets.ts";
import { findVictims } from "../../../src/engine/scheduler/preemption/find-victims.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import type { PodDisruptionBudget } from "../../../src/kube/kinds/poddisruptionbudget.ts";
import { cluster, cycleOf, node, plugins, pod } from "./cluster-fixtures.ts";

const cpu = (amount: string, priority: number, rest = {}): Parameters<typeof pod>[0] => ({
  containers: [{ name: "a", image: "x", resources: { requests: { cpu: amount } } }],
  priority,
  ...rest,
});
interface Running {
  readonly on: string;
  readonly cpu: string;
  readonly priority: number;
  readonly since?: string;
  readonly labels?: Record<string, string>;
}
function run(state: ClusterState, name: string, running: Running): Pod {
  const made = pod(cpu(running.cpu, running.priority), name, running.labels ?? {});
  const startTime = running.since ?? "2026-01-01T00:00:00Z";
  state.place({ ...made, status: { startTime } }, running.on);
  return made;
}
const budget = (app: string, disruptionsAllowed: number): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: app, namespace: "default" },
  spec: { selector: { matchLabels: { app } } },
  status: { disruptionsAllowed },
});

function preempt(state: ClusterState, made: Pod, budgets: readonly PodDisruptionBudget[] = []) {
  const cycle = cycleOf(made, state);
  const choice = pickNode(plugins, cycle);
  if (!("diagnosis" in choice)) throw new Error("it fits");
  const { filters } = plugins;
  const options = { filters, budgets: budgets.map(budgetOf), random: () => 0 };
  const found = findVictims(cycle, choice.diagnosis, options);
  return found.kind === "victims"
    ? { node: found.node.name, victims: found.victims.map(({ name }) => name) }
    : found.message;
}

test("asks the least important to leave, and no more than it must", () => {
  const state = cluster(node("n"));
  run(state, "high", { on: "n", cpu: "1", priority: 50 });
  run(state, "low", { on: "n", cpu: "1", priority: 10 });
  run(state, "lowest", { on: "n", cpu: "2", priority: 5 });
  expect(preempt(state, pod(cpu("2", 100)))).toEqual({ node: "n", victims: ["lowest"] });
  expect(preempt(state, pod(cpu("3", 100)))).toEqual({ node: "n", victims: ["low", "lowest"] });
});

test("leaves the cluster as it was", () => {
  const state = cluster(node("n"), node("m"));
  for (const on of ["n", "m"]) run(state, `low-${on}`, { on, cpu: "4", priority: 1 });
  const before = state.version;
  preempt(state, pod(cpu("3", 100)));
  expect(state.version).toBe(before);
  expect([...state.nodes].map(({ podCount, requested }) => [podCount, requested.milliCpu])).toEqual(
    [
      [1, 4000],
      [1, 4000],
    ],
  );
});

test("of equals who began last goes first", () => {
  const state = cluster(node("n"));
  run(state, "old", { on: "n", cpu: "2", priority: 1, since: "2026-01-01T00:00:00Z" });
  run(state, "young", { on: "n", cpu: "2", priority: 1, since: "2026-01-02T00:00:00Z" });
  expect(preempt(state, pod(cpu("2", 9)))).toEqual({ node: "n", victims: ["young"] });
});

describe("of several nodes takes the one", () => {
  test("where no budget is broken", () => {
    const state = cluster(node("guarded"), node("free"));
    run(state, "a", { on: "guarded", cpu: "4", priority: 1, labels: { app: "web" } });
    run(state, "b", { on: "free", cpu: "4", priority: 50 });
    expect(preempt(state, pod(cpu("4", 100)), [budget("web", 0)])).toMatchObject({ node: "free" });
    expect(preempt(state, pod(cpu("4", 100)), [budget("web", 1)])).toMatchObject({
      node: "guarded",
    });
  });
  test("whose most important victim is the least important", () => {
    const state = cluster(node("x"), node("y"));
    run(state, "a", { on: "x", cpu: "4", priority: 20 });
    run(state, "b", { on: "y", cpu: "4", priority: 10 });
    expect(preempt(state, pod(cpu("4", 100)))).toMatchObject({ node: "y" });
  });
  test("with fewer victims", () => {
    const state = cluster(node("x"), node("y"));
    run(state, "a", { on: "x", cpu: "2", priority: 10 });
    run(state, "b", { on: "x", cpu: "2", priority: 10 });
    run(state, "c", { on: "y", cpu: "4", priority: 10 });
    expect(preempt(state, pod(cpu("4", 100)))).toMatchObject({ node: "y" });
  });
  test("whose victims began last", () => {
    const state = cluster(node("x"), node("y"));
    run(state, "a", { on: "x", cpu: "4", priority: 1, since: "2026-01-02T00:00:00Z" });
    run(state, "b", { on: "y", cpu: "4", priority: 1, since: "2026-01-01T00:00:00Z" });
    expect(preempt(state, pod(cpu("4", 100)))).toMatchObject({ node: "x" });
  });
});

test("spares pods of a budget that has no room, where others do", () => {
  const state = cluster(node("n"));
  run(state, "guarded", { on: "n", cpu: "2", priority: 1, labels: { app: "web" } });
  run(state, "other", { on: "n", cpu: "2", priority: 2 });
  expect(preempt(state, pod(cpu("2", 9)), [budget("web", 0)])).toEqual({
    node: "n",
    victims: ["other"],
  });
  // Both must go: a budget minimises harm, it does not forbid it.
  expect(preempt(state, pod(cpu("4", 9)), [budget("web", 0)])).toEqual({
    node: "n",
    victims: ["other", "guarded"],
  });
});

test("anti-affinity can be made room for, too", () => {
  const state = cluster(node("n", { labels: { zone: "a" } }));
  run(state, "low", { on: "n", cpu: "1", priority: 1, labels: { app: "db" } });
  const lonely = pod({
    priority: 9,
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "zone", labelSelector: { matchLabels: { app: "db" } } },
        ],
      },
    },
  });
  expect(preempt(state, lonely)).toEqual({ node: "n", victims: ["low"] });
});

describe("says why nobody is asked to leave", () => {
  test("when all are as important, or it would not help", () => {
    const state = cluster(node("a"), node("b", { spec: { unschedulable: true } }));
    run(state, "equal", { on: "a", cpu: "4", priority: 9 });
    expect(preempt(state, pod(cpu("2", 9)))).toBe(
      "preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
    );
  });
  test("when it asks for more than the node has", () => {
    const state = cluster(node("a"));
    run(state, "low", { on: "a", cpu: "4", priority: 1 });
    expect(preempt(state, pod(cpu("5", 9)))).toBe(
      "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
  });
  test("when its class never preempts", () => {
    const state = cluster(node("a"));
    run(state, "low", { on: "a", cpu: "4", priority: 1 });
    expect(preempt(state, pod(cpu("2", 9, { preemptionPolicy: "Never" })))).toBe(
      "preemption: not eligible due to preemptionPolicy=Never.",
    );
  });
  test("while somebody is leaving the node that it was promised", () => {
    const state = cluster(node("a"));
    const low = run(state, "low", { on: "a", cpu: "4", priority: 1 });
    const high = pod(cpu("4", 9));
    state.nominations.set(high, cycleOf(high, state).info, "a");
    state.setTerminating(low.metadata.uid ?? "", true);
    expect(preempt(state, high)).toBe(
      "preemption: not eligible due to a terminating pod on the nominated node.",
    );
  });
});

test("the place of a nominated pod is kept from less important ones, not from more important ones", () => {
  const state = cluster(node("n"));
  const nominated = pod(cpu("4", 50));
  state.nominations.set(nominated, cycleOf(nominated, state).info, "n");
  const choose = (priority: number) => pickNode(plugins, cycleOf(pod(cpu("1", priority)), state));
  expect(choose(10)).toHaveProperty("diagnosis");
  expect(choose(100)).toMatchObject({ node: { name: "n" } });
  expect(pickNode(plugins, cycleOf(nominated, state))).toMatchObject({ node: { name: "n" } });
});

test("takes bounded time, however many pods could be asked", () => {
  const names = Array.from({ length: 200 }, (_, index) => `n${index}`);
  const state = cluster(...names.map((name) => node(name, { allocatable: { cpu: "100" } })));
  for (const on of names)
    for (let index = 0; index < 100; index++)
      run(state, `p${index}`, { on, cpu: "1", priority: 1 });
  let runs = 0;
  const counting = plugins.filters.map((plugin) => ({
    ...plugin,
    prepare: (cycle: Parameters<typeof plugin.prepare>[0]) => {
      if (plugin.name === "NodeResourcesFit") runs++;
      return plugin.prepare(cycle);
    },
  }));
  const cycle = cycleOf(pod(cpu("50", 9)), state);
  const choice = pickNode(plugins, cycle);
  if (!("diagnosis" in choice)) throw new Error("it fits");
  const options = { filters: counting, budgets: [], random: () => 0 };
  const found = findVictims(cycle, choice.diagnosis, options);
  expect(found).toMatchObject({ kind: "victims" });
  expect(runs).toBeLessThan(2_200);
});
