import { afterEach, beforeEach, expect, test } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { keepNodePool } from "../../../src/engine/simulation/node-pool.ts";
import { type SimulatedCluster, startSimulatedCluster } from "./simulation-harness.ts";

let cluster: SimulatedCluster;
beforeEach(async () => {
  cluster = await startSimulatedCluster();
});
afterEach(() => cluster.stop());

const lease = (name: string) => cluster.client.get(leases, { namespace: "kube-node-lease", name });
const warnings = async () =>
  (await cluster.client.list(events)).items
    .filter(({ type }) => type === "Warning")
    .map(({ reason, message }) => `${reason}: ${message}`);

test("a Node with the annotation becomes ready and is kept alive", async () => {
  await cluster.addNode("a");
  await cluster.pass(1_000);
  const { status, spec, metadata } = await cluster.node("a");
  expect(findCondition(status?.conditions, "Ready")?.status).toBe("True");
  expect(status?.capacity).toMatchObject({ cpu: "32", memory: "256Gi", pods: "110" });
  expect(status?.allocatable).toEqual(status?.capacity);
  expect(spec?.podCIDR).toBe("10.0.0.0/24");
  expect(spec?.podCIDRs).toEqual(["10.0.0.0/24"]);
  expect(metadata.labels).toMatchObject({ "kubernetes.io/hostname": "a" });
  const before = await lease("a");
  expect(before.spec).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 40 });
  expect(before.metadata.ownerReferences?.[0]).toMatchObject({ kind: "Node", name: "a" });
  await cluster.pass(20_000);
  const after = await lease("a");
  const renewedMs = Date.parse(after.spec?.renewTime ?? "");
  expect(cluster.clock.now() - renewedMs).toBeLessThanOrEqual(10_000);
});

test("a manifest made for KWOK works, and what it says of the node stays", async () => {
  const allocatable = { cpu: "4", memory: "8Gi", pods: "5", "example.com/gpu": "2" };
  await cluster.client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: "kwok",
      annotations: { "kwok.x-k8s.io/node": "fake" },
      labels: { "kubernetes.io/arch": "arm64" },
    },
    spec: { podCIDR: "192.168.7.0/24" },
    status: { allocatable, capacity: allocatable },
  });
  await cluster.pass(1_000);
  await cluster.addPod("p", "kwok");
  await cluster.pass(1_000);
  const { status, spec, metadata } = await cluster.node("kwok");
  expect(status?.allocatable).toMatchObject(allocatable);
  expect(findCondition(status?.conditions, "Ready")?.status).toBe("True");
  expect(spec?.podCIDR).toBe("192.168.7.0/24");
  expect(metadata.labels?.["kubernetes.io/arch"]).toBe("arm64");
  expect((await cluster.pod("p"))?.status?.podIP).toBe("192.168.7.2");
});

test("other Nodes are left alone", async () => {
  await cluster.client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "real" },
  });
  await cluster.addNode("fake");
  await cluster.addPod("p", "real");
  await cluster.pass(5_000);
  expect((await cluster.node("real")).status?.conditions).toBeUndefined();
  expect((await cluster.pod("p"))?.status?.phase).toBe("Pending");
});

test("capacity and problems can be given and changed", async () => {
  await cluster.addNode("a", { "simulation.gantry.dev/capacity": "cpu=2, pods=300" });
  await cluster.pass(1_000);
  const { status, spec } = await cluster.node("a");
  expect(status?.capacity).toMatchObject({ cpu: "2", pods: "300", memory: "256Gi" });
  // Room for every pod.
  expect(spec?.podCIDR).toBe("10.0.0.0/23");
  await cluster.annotate("a", { "simulation.gantry.dev/problems": "MemoryPressure,NotReady" });
  await cluster.pass(1_000);
  const troubled = (await cluster.node("a")).status?.conditions;
  expect(findCondition(troubled, "MemoryPressure")?.status).toBe("True");
  expect(findCondition(troubled, "Ready")).toMatchObject({
    status: "False",
    reason: "KubeletNotReady",
  });
  await cluster.annotate("a", { "simulation.gantry.dev/problems": null });
  await cluster.pass(1_000);
  const well = (await cluster.node("a")).status?.conditions;
  expect(findCondition(well, "Ready")?.status).toBe("True");
});

test("what cannot be read is told and counts as not said", async () => {
  await cluster.addNode("a", {
    "simulation.gantry.dev/capacity": "lots",
    "simulation.gantry.dev/problems": "Hunger",
  });
  await cluster.addPod("p", "a", {
    annotations: { "simulation.gantry.dev/start-after": "soon" },
  });
  await cluster.pass(2_000);
  expect((await cluster.node("a")).status?.capacity?.["cpu"]).toBe("32");
  expect((await cluster.pod("p"))?.status?.phase).toBe("Running");
  expect(await warnings()).toEqual(
    expect.arrayContaining([
      expect.stringContaining('capacity: "lots" is not a list'),
      expect.stringContaining('problems: "Hunger" is none of'),
      expect.stringContaining('start-after: "soon" is not a duration'),
    ]),
  );
});

test("a node whose heartbeat is off is silent, and so are its pods", async () => {
  await cluster.addNode("a");
  await cluster.pass(1_000);
  await cluster.annotate("a", { "simulation.gantry.dev/heartbeat": "off" });
  await cluster.pass(1_000);
  const before = await lease("a");
  await cluster.addPod("p", "a");
  await cluster.pass(30_000);
  expect((await lease("a")).spec?.renewTime).toBe(before.spec?.renewTime);
  expect((await cluster.pod("p"))?.status?.phase).toBe("Pending");
  await cluster.annotate("a", { "simulation.gantry.dev/heartbeat": null });
  await cluster.pass(1_000);
  expect((await cluster.pod("p"))?.status?.phase).toBe("Running");
  expect((await lease("a")).spec?.renewTime).not.toBe(before.spec?.renewTime);
});

test("a pool grows and shrinks, and leaves other nodes alone", async () => {
  const { client, clock } = cluster;
  const names = async () => (await client.list(nodes)).items.map(({ metadata }) => metadata.name);
  await cluster.addNode("mine");
  await cluster.pass(1_000);
  await keepNodePool(client, { count: 3, capacity: "cpu=8" }, clock.now());
  expect(await names()).toEqual(["mine", "simulated-0000", "simulated-0001", "simulated-0002"]);
  await cluster.pass(1_000);
  const { items } = await client.list(nodes);
  expect(new Set(items.map(({ spec }) => spec?.podCIDR)).size).toBe(4);
  expect((await cluster.node("simulated-0001")).status?.capacity?.["cpu"]).toBe("8");
  await keepNodePool(client, { count: 1 }, clock.now());
  expect(await names()).toEqual(["mine", "simulated-0000"]);
});
