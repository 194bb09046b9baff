import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { type SimulatedCluster, startSimulatedCluster } from "../simulation/simulation-harness.ts";

let cluster: SimulatedCluster;
beforeEach(async () => {
  cluster = await startSimulatedCluster({ controllers: true });
});
afterEach(() => cluster.stop());

const HEARTBEAT = "simulation.gantry.dev/heartbeat";
const silence = (name: string) => cluster.annotate(name, { [HEARTBEAT]: "off" });
const wake = (name: string) => cluster.annotate(name, { [HEARTBEAT]: null });
const ready = async (name: string) =>
  findCondition((await cluster.node(name)).status?.conditions, "Ready");
const taints = async (name: string) =>
  ((await cluster.node(name)).spec?.taints ?? []).map(
    ({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`,
  );
const podReady = async (name: string) =>
  findCondition((await cluster.pod(name))?.status?.conditions, "Ready")?.status;

describe("a node that falls silent", () => {
  beforeEach(async () => {
    for (const name of ["a", "b", "c", "d"]) await cluster.addNode(name);
    await cluster.pass(1_000);
    await cluster.addPod("p", "a");
    await cluster.pass(1_000);
  });

  test("is unknown after fifty seconds, its pods not ready at once", async () => {
    await silence("a");
    await cluster.pass(38_000);
    expect((await ready("a"))?.status).toBe("True");
    expect(await podReady("p")).toBe("True");
    await cluster.pass(20_000);
    expect(await ready("a")).toMatchObject({
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
    });
    expect(await podReady("p")).toBe("False");
    expect(await taints("a")).toEqual(["unreachable:NoSchedule", "unreachable:NoExecute"]);
    expect(await taints("b")).toEqual([]);
    const told = (await cluster.client.list(events)).items.map(({ reason }) => reason);
    expect(told).toContain("NodeNotReady");
  });

  test("loses its pods after five minutes, which wait for it to say that they ended", async () => {
    await silence("a");
    await cluster.pass(65_000);
    await cluster.pass(280_000);
    expect((await cluster.pod("p"))?.metadata.deletionTimestamp).toBeUndefined();
    await cluster.pass(30_000);
    const pod = await cluster.pod("p");
    expect(pod?.metadata.deletionTimestamp).toBeDefined();
    expect(findCondition(pod?.status?.conditions, "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "DeletionByTaintManager",
    });
    await cluster.pass(120_000);
    expect(await cluster.pod("p")).toBeDefined();
    await wake("a");
    await cluster.pass(10_000);
    expect(await cluster.pod("p")).toBeUndefined();
  });

  test("and comes back in time keeps its pods", async () => {
    await silence("a");
    await cluster.pass(120_000);
    expect(await podReady("p")).toBe("False");
    await wake("a");
    await cluster.pass(10_000);
    expect((await ready("a"))?.status).toBe("True");
    expect(await taints("a")).toEqual([]);
    expect(await podReady("p")).toBe("True");
    await cluster.pass(400_000);
    expect((await cluster.pod("p"))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("keeps its pods through a restart of the engine, which gives it its time anew", async () => {
    await silence("a");
    await cluster.pass(200_000);
    expect(await taints("a")).toContain("unreachable:NoExecute");
    await cluster.restart();
    await cluster.pass(250_000);
    expect((await cluster.pod("p"))?.metadata.deletionTimestamp).toBeUndefined();
    await cluster.pass(80_000);
    expect((await cluster.pod("p"))?.metadata.deletionTimestamp).toBeDefined();
  });

  test("is not alone: nodes are given up one by one", async () => {
    await silence("a");
    await silence("b");
    const evicted = async () =>
      (await Promise.all([taints("a"), taints("b")])).filter((each) =>
        each.includes("unreachable:NoExecute"),
      ).length;
    for (let passed = 0; passed < 70_000 && (await evicted()) === 0; passed += 500)
      await cluster.pass(500);
    await cluster.pass(8_000);
    expect(await evicted()).toBe(1);
    await cluster.pass(8_000);
    expect(await evicted()).toBe(2);
  });

  test("with all others: nobody is evicted, and taints for it are taken back", async () => {
    await silence("a");
    await cluster.pass(61_000);
    expect(await taints("a")).toContain("unreachable:NoExecute");
    for (const name of ["b", "c", "d"]) await silence(name);
    await cluster.pass(70_000);
    expect((await ready("d"))?.status).toBe("Unknown");
    for (const name of ["a", "b", "c", "d"])
      expect(await taints(name)).toEqual(["unreachable:NoSchedule"]);
    await cluster.pass(600_000);
    expect((await cluster.pod("p"))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("loses its pods at once when it is declared out of service", async () => {
    await silence("a");
    await cluster.pass(61_000);
    const { spec } = await cluster.node("a");
    const out = {
      key: "node.kubernetes.io/out-of-service",
      effect: "NoExecute",
      value: "nodeshutdown",
    };
    const body = { spec: { taints: [...(spec?.taints ?? []), out] } };
    await cluster.client.patch(nodes, { name: "a" }, { type: "merge", body: body as never });
    await cluster.pass(25_000);
    expect(await cluster.pod("p")).toBeUndefined();
  });
});

test("a process that slept believes its nodes until they had time to speak", async () => {
  await cluster.addNode("a");
  await cluster.addNode("b");
  await cluster.pass(1_000);
  // The clock jumps, timers run late, all at one time: a laptop that was closed.
  await silence("a");
  await cluster.pass(30_000);
  cluster.clock.jump(600_000);
  await cluster.pass(30_000);
  expect((await ready("a"))?.status).toBe("True");
  expect((await ready("b"))?.status).toBe("True");
  await cluster.pass(40_000);
  expect((await ready("a"))?.status).toBe("Unknown");
});

test("a Node whose agent never comes is unknown after a minute, and nothing is said of its pods", async () => {
  await cluster.client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "ghost" },
  });
  await cluster.pass(55_000);
  expect(await ready("ghost")).toBeUndefined();
  await cluster.pass(10_000);
  expect(await ready("ghost")).toMatchObject({
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
  });
  expect(await taints("ghost")).toContain("unreachable:NoSchedule");
});

test("a Node that is made anew gets its time anew", async () => {
  const ghost = { apiVersion: "v1", kind: "Node", metadata: { name: "ghost" } };
  await cluster.client.create(nodes, ghost);
  await cluster.pass(50_000);
  await cluster.client.delete(nodes, { name: "ghost" });
  await cluster.client.create(nodes, ghost);
  await cluster.pass(50_000);
  expect(await ready("ghost")).toBeUndefined();
  await cluster.pass(15_000);
  expect((await ready("ghost"))?.status).toBe("Unknown");
});

test("conditions and cordons become taints, and go with them", async () => {
  await cluster.addNode("a");
  await cluster.pass(1_000);
  await cluster.annotate("a", { "simulation.gantry.dev/problems": "DiskPressure" });
  await cluster.client.patch(
    nodes,
    { name: "a" },
    { type: "merge", body: { spec: { unschedulable: true } } },
  );
  await cluster.pass(1_000);
  expect((await taints("a")).sort()).toEqual([
    "disk-pressure:NoSchedule",
    "unschedulable:NoSchedule",
  ]);
  await cluster.annotate("a", { "simulation.gantry.dev/problems": null });
  await cluster.client.patch(
    nodes,
    { name: "a" },
    { type: "merge", body: { spec: { unschedulable: null } } },
  );
  await cluster.pass(1_000);
  expect(await taints("a")).toEqual([]);
});

describe("a taint that evicts", () => {
  const put = async (node: string, list: readonly object[]) =>
    cluster.client.patch(
      nodes,
      { name: node },
      { type: "merge", body: { spec: { taints: list as never } } },
    );
  const maintenance = { key: "maintenance", effect: "NoExecute" };
  const tolerating = (seconds?: number) => ({
    spec: {
      tolerations: [
        {
          key: "maintenance",
          operator: "Exists",
          effect: "NoExecute",
          ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
        },
      ],
    },
  });

  test("spares who tolerates it, for as long as that is", async () => {
    await cluster.addNode("a");
    await cluster.pass(1_000);
    await cluster.addPod("intolerant", "a");
    await cluster.addPod("patient", "a", tolerating(60));
    await cluster.addPod("stoic", "a", tolerating());
    await cluster.pass(1_000);
    await put("a", [maintenance]);
    await cluster.pass(2_000);
    expect(await cluster.pod("intolerant")).toBeUndefined();
    await cluster.pass(55_000);
    expect(await cluster.pod("patient")).toBeDefined();
    await cluster.pass(10_000);
    expect(await cluster.pod("patient")).toBeUndefined();
    await cluster.pass(600_000);
    expect(await cluster.pod("stoic")).toBeDefined();
  });

  test("and goes again in time evicts nobody", async () => {
    await cluster.addNode("a");
    await cluster.pass(1_000);
    await cluster.addPod("patient", "a", tolerating(60));
    await put("a", [maintenance]);
    await cluster.pass(30_000);
    await put("a", []);
    await cluster.pass(120_000);
    expect((await cluster.pod("patient"))?.metadata.deletionTimestamp).toBeUndefined();
    const told = (await cluster.client.list(events)).items.map(({ message }) => message);
    expect(told).toContain("Cancelling deletion of Pod default/patient");
    // Its time begins anew with the next one.
    await put("a", [maintenance]);
    await cluster.pass(50_000);
    expect((await cluster.pod("patient"))?.metadata.deletionTimestamp).toBeUndefined();
  });
});

describe("a node that is gone", () => {
  test("takes its pods along after forty seconds, and they are said to have failed", async () => {
    await cluster.addNode("a");
    await cluster.pass(1_000);
    await cluster.addPod("p", "a", { finalizers: ["example.com/hold"] });
    await cluster.addPod("q", "a");
    await cluster.pass(1_000);
    await cluster.client.delete(nodes, { name: "a" });
    await cluster.pass(35_000);
    expect((await cluster.pod("q"))?.metadata.deletionTimestamp).toBeUndefined();
    await cluster.pass(30_000);
    expect(await cluster.pod("q")).toBeUndefined();
    const held = await cluster.pod("p");
    expect(held?.status?.phase).toBe("Failed");
    expect(findCondition(held?.status?.conditions, "DisruptionTarget")).toMatchObject({
      reason: "DeletionByPodGC",
      message: "PodGC: node no longer exists",
    });
  });

  test("and comes back in time finds its pods", async () => {
    await cluster.addNode("a");
    await cluster.pass(1_000);
    await cluster.addPod("p", "a");
    await cluster.pass(1_000);
    await cluster.client.delete(nodes, { name: "a" });
    await cluster.pass(20_000);
    await cluster.addNode("a");
    await cluster.pass(120_000);
    expect((await cluster.pod("p"))?.status?.phase).toBe("Running");
  });
});

test("every pod tolerates trouble for five minutes, unless it says otherwise", async () => {
  await cluster.addPod("p", "");
  await cluster.addPod("q", "", {
    spec: { tolerations: [{ operator: "Exists" }] },
  });
  await cluster.addPod("r", "", {
    spec: {
      tolerations: [
        {
          key: "node.kubernetes.io/not-ready",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 5,
        },
      ],
    },
  });
  const tolerations = async (name: string) =>
    (await cluster.client.get(pods, { namespace: "default", name })).spec?.tolerations?.map(
      ({ key, tolerationSeconds }) => [key, tolerationSeconds],
    );
  expect(await tolerations("p")).toEqual([
    ["node.kubernetes.io/not-ready", 300],
    ["node.kubernetes.io/unreachable", 300],
  ]);
  expect(await tolerations("q")).toEqual([[undefined, undefined]]);
  expect(await tolerations("r")).toEqual([
    ["node.kubernetes.io/not-ready", 5],
    ["node.kubernetes.io/unreachable", 300],
  ]);
});
