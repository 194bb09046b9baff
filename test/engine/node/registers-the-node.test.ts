import { afterEach, beforeEach, expect, it } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { NODE_NAME } from "./agent-harness.ts";
import { type FakeHarness, pass, settle, startFakeHarness } from "./fake-harness.ts";

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
