import { afterEach, expect, test } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
afterEach(() => cluster.stop());

const labels = { app: "web" };
const key = { namespace: "default", name: "web" };
function set(replicas: number, minReadySeconds = 0): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: key,
    spec: {
      replicas,
      minReadySeconds,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "app", image: "v1" }] } },
    },
  };
}
const bare = (name: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "default", name, labels },
  spec: { containers: [{ name: "app", image: "v1" }] },
});
const scale = (replicas: number) =>
  cluster.client.patch(replicaSets, key, { type: "merge", body: { spec: { replicas } } });

test("as many pods as wanted, up and down", async () => {
  cluster = await startCluster();
  await cluster.client.create(replicaSets, set(7));
  await cluster.until(
    async () => (await cluster.get(replicaSets, "web"))?.status?.availableReplicas === 7,
  );
  await scale(2);
  await cluster.settle();
  expect(await cluster.list(pods)).toHaveLength(2);
  expect((await cluster.get(replicaSets, "web"))?.status).toEqual({
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 0,
    observedGeneration: 2,
  });
});

test("orphans that match are adopted instead of creating others; what stops matching is released and replaced", async () => {
  cluster = await startCluster();
  await cluster.client.create(pods, bare("mine"));
  await cluster.client.create(pods, {
    ...bare("other"),
    metadata: { ...bare("other").metadata, labels: { app: "x" } },
  });
  await cluster.client.create(replicaSets, set(2));
  await cluster.settle();
  const owned = async (): Promise<string[]> =>
    (await cluster.list(pods))
      .filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === "web")
      .map(({ metadata }) => metadata.name);
  expect(await owned()).toContain("mine");
  expect(await cluster.list(pods)).toHaveLength(3);
  const body = { metadata: { labels: { app: "debug" } } };
  await cluster.client.patch(pods, { namespace: "default", name: "mine" }, { type: "merge", body });
  await cluster.settle();
  expect(await owned()).not.toContain("mine");
  expect(await owned()).toHaveLength(2);
  expect((await cluster.get(pods, "mine"))?.metadata.ownerReferences ?? []).toEqual([]);
});

test("a ready pod becomes available minReadySeconds later, without any event", async () => {
  cluster = await startCluster();
  await cluster.client.create(replicaSets, set(1, 30));
  const status = async () => (await cluster.get(replicaSets, "web"))?.status;
  await cluster.until(async () => (await status())?.readyReplicas === 1);
  await cluster.clock.advance(25_000);
  expect((await status())?.availableReplicas).toBe(0);
  await cluster.clock.advance(6_000);
  await cluster.settle();
  expect((await status())?.availableReplicas).toBe(1);
});

test("a pod that nobody routes to yet is ready but not available", async () => {
  cluster = await startCluster();
  await cluster.client.create(replicaSets, set(1));
  await cluster.settle();
  const [pod] = await cluster.list(pods);
  if (pod === undefined) throw new Error("no pod");
  const route = async (status: string) => {
    const live = await cluster.client.get(pods, { namespace: "default", name: pod.metadata.name });
    const [ready] = live.status?.conditions ?? [];
    const conditions = [
      ...(ready === undefined ? [] : [ready]),
      { type: "gantry.dev/Routed", status },
    ];
    await cluster.client.update(
      pods,
      { ...live, status: { ...live.status, conditions } },
      { subresource: "status" },
    );
    await cluster.settle();
    const { readyReplicas, availableReplicas } =
      (await cluster.get(replicaSets, "web"))?.status ?? {};
    return [readyReplicas, availableReplicas];
  };
  expect(await route("False")).toEqual([1, 0]);
  expect(await route("True")).toEqual([1, 1]);
});

test("finished pods are replaced", async () => {
  cluster = await startCluster();
  await cluster.client.create(replicaSets, set(1));
  await cluster.settle();
  const [pod] = await cluster.list(pods);
  if (pod === undefined) throw new Error("no pod");
  await cluster.client.update(
    pods,
    { ...pod, status: { ...pod.status, phase: "Failed" } },
    { subresource: "status" },
  );
  await cluster.settle();
  const phases = (await cluster.list(pods)).map(({ status }) => status?.phase);
  expect(new Set(phases)).toEqual(new Set(["Failed", "Running"]));
});

/** Refuses pods, as a quota does, until told otherwise. */
function withQuota(client: Client, quota: { exceeded: boolean; asked: number }): Client {
  return {
    resourceFor: (apiVersion, kind) => client.resourceFor(apiVersion, kind),
    resources: () => client.resources(),
    get: (resource, name, options) => client.get(resource, name, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    create: (resource, object, options) => {
      if (resource.plural !== "pods") return client.create(resource, object, options);
      quota.asked++;
      if (quota.exceeded)
        return Promise.reject(StatusError.of("Forbidden", "exceeded quota: pods=0"));
      return client.create(resource, object, options);
    },
    update: (resource, object, options) => client.update(resource, object, options),
    patch: (resource, name, patch, options) => client.patch(resource, name, patch, options),
    delete: (resource, name, options) => client.delete(resource, name, options),
    deleteCollection: (resource, options) => client.deleteCollection(resource, options),
    logs: (name, options) => client.logs(name, options),
  };
}

test("refused pods are told on the set and on the Deployment, asked for rarely, and come when they may", async () => {
  const quota = { exceeded: true, asked: 0 };
  cluster = await startCluster({ wrap: (client) => withQuota(client, quota) });
  await cluster.client.create(deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: key,
    spec: { replicas: 50, ...templateOf(set(0)) },
  });
  for (let i = 0; i < 100; i++) await cluster.clock.advance(10);
  // One pod per attempt, attempts ever more rarely: 5 ms doubling is 8 in the first second.
  expect(quota.asked).toBeLessThan(15);
  const [refused] = await cluster.list(replicaSets);
  const failure = {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: "exceeded quota: pods=0",
  };
  expect(refused?.status?.conditions).toMatchObject([failure]);
  const conditions = (await cluster.get(deployments, "web"))?.status?.conditions;
  expect(conditions?.find(({ type }) => type === "ReplicaFailure")).toMatchObject(failure);
  const told = (await cluster.list(events)).find(({ reason }) => reason === "FailedCreate");
  expect(told?.message).toBe("Error creating: exceeded quota: pods=0");
  quota.exceeded = false;
  await cluster.clock.advance(5_000);
  await cluster.settle();
  expect(await cluster.list(pods)).toHaveLength(50);
  expect((await cluster.list(replicaSets))[0]?.status?.conditions).toBeUndefined();
});

function templateOf({ spec }: ReplicaSet) {
  return { selector: spec?.selector ?? {}, template: spec?.template ?? {} };
}

test("a cache that lags behind does not make it create or delete twice", async () => {
  let held: (() => void)[] | undefined = [];
  cluster = await startCluster({
    kubelet: false,
    wrap: (client) => ({
      ...withQuota(client, { exceeded: false, asked: 0 }),
      // Pods are seen only when the test lets them through.
      async *watch(resource, options) {
        for await (const event of client.watch(resource, options)) {
          if (resource.plural === "pods" && held !== undefined)
            await new Promise<void>((resolve) => held?.push(resolve));
          yield event;
        }
      },
    }),
  });
  await cluster.client.create(replicaSets, set(5));
  await cluster.clock.advance(2_000);
  await cluster.client.patch(replicaSets, key, {
    type: "merge",
    body: { metadata: { annotations: { touched: "1" } } },
  });
  await cluster.clock.advance(10_000);
  expect(await cluster.list(pods)).toHaveLength(5);
  const release = held;
  held = undefined;
  for (const resolve of release) resolve();
  await cluster.settle();
  expect(await cluster.list(pods)).toHaveLength(5);
  expect((await cluster.get(replicaSets, "web"))?.status?.replicas).toBe(5);
});
