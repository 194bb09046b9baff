import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { MASTERS_GROUP } from "../../../src/engine/apiserver/request-context.ts";
import { type Scheduler, startScheduler } from "../../../src/engine/scheduler/scheduler.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { findCondition } from "../../../src/kube/conditions.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { node, pod } from "./cluster-fixtures.ts";

let client: Client;
let scheduler: Scheduler;
let close: () => Promise<void>;
beforeEach(async () => {
  const store = new MemoryStore();
  const server = createApiServer({ store });
  client = new InProcessClient(server, { name: "test", groups: [MASTERS_GROUP] });
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  scheduler = await startScheduler({ client });
  close = async () => {
    await scheduler.stop();
    await server.close();
    await store.close();
  };
});
afterEach(() => close());

async function addNode(name: string, overrides: Parameters<typeof node>[1] = {}): Promise<void> {
  const made = node(name, overrides);
  await client.create(nodes, made);
  const body = { status: { allocatable: made.status?.allocatable ?? {} } };
  await client.patch(nodes, { name }, { type: "merge", body }, { subresource: "status" });
}
async function addPod(name: string, spec: Partial<NonNullable<Pod["spec"]>> = {}): Promise<Pod> {
  const made = pod(spec, name);
  return client.create(pods, { ...made, metadata: { namespace: "default", name } });
}
async function until(name: string, accept: (pod: Pod) => boolean): Promise<Pod> {
  const abort = new AbortController();
  const fieldSelector = `metadata.name=${name}`;
  try {
    for await (const event of client.watch(pods, { fieldSelector, signal: abort.signal }))
      if (event.type !== "BOOKMARK" && accept(event.object)) return event.object;
  } finally {
    abort.abort();
  }
  throw new Error(`the watch of ${name} ended`);
}
const isBound = (bound: Pod): boolean => (bound.spec?.nodeName ?? "") !== "";
const cpu = (amount: string) => ({
  containers: [{ name: "a", image: "x", resources: { requests: { cpu: amount } } }],
});

it("binds a pod to a node", async () => {
  await addNode("a");
  await addPod("web");
  const bound = await until("web", isBound);
  expect(bound.spec?.nodeName).toBe("a");
  expect(findCondition(bound.status?.conditions, "PodScheduled")?.status).toBe("True");
  await scheduler.stop();
  const { items } = await client.list(events, { namespace: "default" });
  expect(items.map(({ reason, message }) => [reason, message])).toEqual([
    ["Scheduled", "Successfully assigned default/web to a"],
  ]);
});

it("says why a pod fits nowhere, and binds it when a node comes", async () => {
  await addNode("small", { allocatable: { cpu: "1" } });
  await addPod("web", cpu("2"));
  const waiting = await until("web", (each) => each.status?.conditions !== undefined);
  expect(findCondition(waiting.status?.conditions, "PodScheduled")).toMatchObject({
    status: "False",
    reason: "Unschedulable",
    message:
      "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling. Nodes: small: Insufficient cpu (2 requested, 1 of 1 free).",
  });
  await addNode("large");
  expect((await until("web", isBound)).spec?.nodeName).toBe("large");
});

it("waits for the first node", async () => {
  await addPod("web");
  await until("web", (each) => each.status?.conditions !== undefined);
  await addNode("a");
  expect((await until("web", isBound)).spec?.nodeName).toBe("a");
});

it("gives a place that became free to the pod that waits for it", async () => {
  await addNode("a");
  await addPod("first", cpu("4"));
  await until("first", isBound);
  await addPod("second", cpu("4"));
  await until("second", (each) => each.status?.conditions !== undefined);
  await client.delete(pods, { namespace: "default", name: "first" }, { gracePeriodSeconds: 0 });
  expect((await until("second", isBound)).spec?.nodeName).toBe("a");
});

it("counts the place of a finished pod as free", async () => {
  await addNode("a");
  await addPod("first", cpu("4"));
  await until("first", isBound);
  const patch = { type: "merge", body: { status: { phase: "Succeeded" } } } as const;
  const key = { namespace: "default", name: "first" };
  await client.patch(pods, key, patch, { subresource: "status" });
  await addPod("second", cpu("4"));
  expect((await until("second", isBound)).spec?.nodeName).toBe("a");
});

it("never gives one place to two pods of a burst", async () => {
  await addNode("a", { allocatable: { cpu: "10" } });
  await Promise.all(Array.from({ length: 15 }, (_, index) => addPod(`p${index}`, cpu("1"))));
  await Promise.all(
    Array.from({ length: 15 }, (_, index) =>
      until(`p${index}`, (each) => isBound(each) || each.status?.conditions !== undefined),
    ),
  );
  const { items } = await client.list(pods);
  expect(items.filter(isBound)).toHaveLength(10);
  expect(scheduler.pending).toBe(5);
});

it("leaves pods of other schedulers and gated pods alone", async () => {
  await addNode("a");
  await addPod("other", { schedulerName: "mine" });
  await addPod("gated", { schedulingGates: [{ name: "example.com/wait" }] });
  await addPod("ours");
  await until("ours", isBound);
  expect(scheduler.pending).toBe(0);
  const key = { namespace: "default", name: "gated" };
  const body = { spec: { schedulingGates: null } };
  await client.patch(pods, key, { type: "merge", body });
  await until("gated", isBound);
  expect(isBound(await client.get(pods, { namespace: "default", name: "other" }))).toBe(false);
});
