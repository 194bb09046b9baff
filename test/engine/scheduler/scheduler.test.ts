import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import { findCondition } from "../../../src/kube/conditions.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import {
  cpu,
  type Harness,
  intercepted,
  isBound,
  isUnschedulable,
  startHarness,
} from "./scheduler-harness.ts";

let harness: Harness;
let client: Client;
let addNode: Harness["addNode"];
let addPod: Harness["addPod"];
let until: Harness["until"];
async function start(options: Parameters<typeof startHarness>[0] = {}): Promise<void> {
  harness = await startHarness(options);
  ({ client, addNode, addPod, until } = harness);
}
beforeEach(() => start());
afterEach(() => harness.stop());

it("binds a pod to a node", async () => {
  await addNode("a");
  await addPod("web");
  const bound = await until("web", isBound);
  expect(bound.spec?.nodeName).toBe("a");
  expect(findCondition(bound.status?.conditions, "PodScheduled")?.status).toBe("True");
  expect(await harness.eventsOf("web")).toEqual([
    "Scheduled: Successfully assigned default/web to a",
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
  expect(harness.scheduler.pending).toBe(5);
});

it("leaves pods of other schedulers and gated pods alone", async () => {
  await addNode("a");
  await addPod("other", { schedulerName: "mine" });
  await addPod("gated", { schedulingGates: [{ name: "example.com/wait" }] });
  await addPod("ours");
  await until("ours", isBound);
  expect(harness.scheduler.pending).toBe(0);
  const key = { namespace: "default", name: "gated" };
  const body = { spec: { schedulingGates: null } };
  await client.patch(pods, key, { type: "merge", body });
  await until("gated", isBound);
  expect(isBound(await client.get(pods, { namespace: "default", name: "other" }))).toBe(false);
});

it("takes care of the pods of each of its profiles by that profile's rules", async () => {
  await harness.stop();
  await start({
    profiles: [
      { schedulerName: "default-scheduler" },
      { schedulerName: "packing", resourceStrategy: "MostAllocated" },
    ],
  });
  await addNode("a");
  await addNode("b");
  await addPod("first", { ...cpu("1"), nodeSelector: {}, schedulerName: "packing" });
  const used = (await until("first", isBound)).spec?.nodeName;
  await addPod("packed", { ...cpu("1"), schedulerName: "packing" });
  expect((await until("packed", isBound)).spec?.nodeName).toBe(used);
  await addPod("spread", cpu("1"));
  expect((await until("spread", isBound)).spec?.nodeName).not.toBe(used);
  expect(await harness.eventsOf("packed")).toHaveLength(1);
});

it("refuses a profile with weights of nothing", async () => {
  const profiles = [{ schedulerName: "x", weights: { Luck: 3 } }];
  await expect(startHarness({ profiles })).rejects.toThrow(
    "scheduler profile x: weight 3 of Luck: there is no such score plug-in",
  );
});

it("tries again when a binding fails, and gives the place back meanwhile", async () => {
  await harness.stop();
  let failures = 1;
  await start({
    wrap: (inner) =>
      intercepted(inner, {
        create: (resource, object, options) =>
          options?.subresource === "binding" && failures-- > 0
            ? Promise.reject(StatusError.of("InternalError", "the disk is full"))
            : inner.create(resource, object, options),
      }),
  });
  await addNode("a");
  await addPod("web", cpu("4"));
  await until("web", isBound);
  expect(await harness.eventsOf("web")).toEqual([
    "FailedScheduling: binding rejected: the disk is full",
    "Scheduled: Successfully assigned default/web to a",
  ]);
});

it("gives the place of a pod that went while it was being bound to the one that waits", async () => {
  await harness.stop();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await start({
    wrap: (inner) =>
      intercepted(inner, {
        create: async (resource, object, options) => {
          if (options?.subresource === "binding" && object.metadata.name === "gone") {
            await held;
            throw StatusError.notFound(pods, "gone");
          }
          return inner.create(resource, object, options);
        },
      }),
  });
  await addNode("a");
  await addPod("gone", cpu("4"));
  await addPod("waits", cpu("4"));
  await until("waits", isUnschedulable);
  release();
  await until("waits", isBound);
});

it("hears of a namespace that is labelled to let a pod in", async () => {
  await addNode("a", { labels: { zone: "1" } });
  const elsewhere = { name: "prod" };
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: elsewhere });
  await client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "prod", name: "db", labels: { app: "db" } },
    spec: { containers: [{ name: "a", image: "x" }], nodeName: "a" },
  });
  await addPod("web", {
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: "zone",
            labelSelector: { matchLabels: { app: "db" } },
            namespaceSelector: { matchLabels: { tier: "prod" } },
          },
        ],
      },
    },
  });
  await until("web", isUnschedulable);
  const body = { metadata: { labels: { tier: "prod" } } };
  await client.patch(namespaces, elsewhere, { type: "merge", body });
  await until("web", isBound);
});

it("many pods that fit nowhere hold nobody up, and are tried no more until something changes", async () => {
  await harness.stop();
  let writes = 0;
  await start({
    wrap: (inner) =>
      intercepted(inner, {
        patch: (...args) => {
          writes++;
          return inner.patch(...args);
        },
      }),
  });
  await addNode("a");
  const impossible = { nodeSelector: { disk: "none" } };
  await Promise.all(Array.from({ length: 400 }, (_, index) => addPod(`no-${index}`, impossible)));
  await addPod("yes");
  await until("yes", isBound);
  await until("no-399", isUnschedulable);
  expect(harness.scheduler.pending).toBe(400);
  const told = writes;
  // None of these helps: the node has room, but not the label.
  await client.delete(pods, { namespace: "default", name: "yes" }, { gracePeriodSeconds: 0 });
  await addNode("b");
  await addPod("also");
  await until("also", isBound);
  expect(writes).toBe(told);
});

it("goes on with others when it fails itself over one pod, and tries that one again", async () => {
  await harness.stop();
  let dice = 0;
  await start({
    random: () => {
      if (dice++ === 0) throw new Error("the dice are lost");
      return 0;
    },
  });
  await addNode("a");
  await addNode("b");
  await addPod("unlucky");
  await addPod("lucky");
  await until("lucky", isBound);
  await until("unlucky", isBound);
  expect(await harness.eventsOf("unlucky")).toContain(
    "FailedScheduling: the scheduler failed: the dice are lost",
  );
});
