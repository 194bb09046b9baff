import { afterEach, beforeEach, expect, it } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { isReady, NODE_NAME } from "./agent-harness.ts";
import { type FakeHarness, pass, serving, settle, startFakeHarness } from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(() => fake.harness.close());

const node = () => fake.harness.client.get(nodes, { name: NODE_NAME });
const lease = () =>
  fake.harness.client.get(leases, { namespace: "kube-node-lease", name: NODE_NAME });

it("says what the machine is and has", async () => {
  const { status, metadata } = await node();
  expect(metadata.labels).toMatchObject({
    "kubernetes.io/os": process.platform === "win32" ? "windows" : process.platform,
    "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
  });
  expect(Number(status?.capacity?.["cpu"])).toBeGreaterThan(0);
  expect(status?.allocatable).toEqual(status?.capacity);
  expect(status?.nodeInfo).toMatchObject({ containerRuntimeVersion: "fake://1" });
  expect(status?.addresses).toContainEqual({ type: "InternalIP", address: "127.0.0.1" });
  for (const type of ["MemoryPressure", "DiskPressure", "PIDPressure"])
    expect(findCondition(status?.conditions, type)?.status).toBe("False");
});

it("renews its lease every ten seconds, and its status every five minutes", async () => {
  await settle(fake);
  const [before, status] = [await lease(), await node()];
  await pass(fake, 10_000);
  const after = await lease();
  expect(after.spec?.leaseDurationSeconds).toBe(40);
  expect(Date.parse(after.spec?.renewTime ?? "") - Date.parse(before.spec?.renewTime ?? "")).toBe(
    10_000,
  );
  expect((await node()).metadata.resourceVersion).toBe(status.metadata.resourceVersion);
  await pass(fake, 300_000, 10_000);
  const heartbeat = findCondition((await node()).status?.conditions, "Ready")?.lastHeartbeatTime;
  expect(Date.parse(heartbeat ?? "")).toBeGreaterThan(fake.clock.now() - 20_000);
});

it("keeps what others put on the node", async () => {
  const body = { metadata: { labels: { rack: "7" } }, spec: { unschedulable: true } };
  await fake.harness.client.patch(nodes, { name: NODE_NAME }, { type: "merge", body });
  const before = await node();
  await fake.harness.stopAgent();
  await fake.clock.advance(60_000);
  await fake.harness.startAgent();
  const after = await node();
  expect(after.metadata.labels?.["rack"]).toBe("7");
  expect(after.spec?.unschedulable).toBe(true);
  expect(after.metadata.uid).toBe(before.metadata.uid);
  const since = (made: typeof before) =>
    findCondition(made.status?.conditions, "Ready")?.lastTransitionTime;
  expect(since(after)).toBe(since(before));
});

it("is ready from its first moment, and has a lease that goes with it", async () => {
  const { metadata, status } = await node();
  // One write: nobody ever saw a node without a status.
  expect(metadata.managedFields?.filter(({ subresource }) => subresource === "status")).toEqual([]);
  expect(findCondition(status?.conditions, "Ready")?.status).toBe("True");
  await settle(fake);
  expect((await lease()).metadata.ownerReferences).toEqual([
    { apiVersion: "v1", kind: "Node", name: NODE_NAME, uid: metadata.uid },
  ]);
});

it("takes its node and its pods back when it was given up meanwhile", async () => {
  const { harness } = fake;
  await harness.createPod("p", { containers: [serving("app")] });
  await harness.until("p", isReady);
  const unknown = { type: "Ready", status: "Unknown", reason: "NodeStatusUnknown" };
  await fake.clock.advance(5_000);
  const since = new Date(fake.clock.now()).toISOString().replace(/\.\d+Z/, "Z");
  await harness.client.patch(
    nodes,
    { name: NODE_NAME },
    { type: "strategic", body: { status: { conditions: [unknown] } } },
    { subresource: "status" },
  );
  const notReady = { type: "Ready", status: "False", lastTransitionTime: since };
  await harness.client.patch(
    pods,
    { namespace: "default", name: "p" },
    { type: "strategic", body: { status: { conditions: [notReady] } } },
    { subresource: "status" },
  );
  await harness.until("p", isReady);
  await pass(fake, 10_000);
  expect(findCondition((await node()).status?.conditions, "Ready")).toMatchObject({
    status: "True",
    reason: "KubeletReady",
  });
});

it("registers its node again when somebody deleted it", async () => {
  const before = await node();
  await fake.harness.client.delete(nodes, { name: NODE_NAME });
  await pass(fake, 10_000);
  const after = await node();
  expect(after.metadata.uid).not.toBe(before.metadata.uid);
  expect(findCondition(after.status?.conditions, "Ready")?.status).toBe("True");
});
