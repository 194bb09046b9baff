import { afterEach, beforeEach, expect, test } from "vitest";
import { pods } from "../../../src/kube/kinds/pod.ts";
import {
  type ReplicationController,
  replicationControllers,
} from "../../../src/kube/kinds/replicationcontroller.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const key = { namespace: "default", name: "web" };
const start = async (): Promise<void> => {
  const object: ReplicationController = {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { ...key },
    spec: {
      replicas: 2,
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "app", image: "v1" }] },
      },
    },
  };
  await cluster.client.create(replicationControllers, object);
  await cluster.settle();
};

test("a ReplicationController keeps pods of its template's labels, and scales", async () => {
  await start();
  const stored = await cluster.get(replicationControllers, "web");
  expect(stored?.spec?.selector).toEqual({ app: "web" });
  expect(stored?.status).toMatchObject({ replicas: 2, readyReplicas: 2, observedGeneration: 1 });
  const [first] = await cluster.list(pods);
  expect(first?.metadata.ownerReferences).toMatchObject([
    { apiVersion: "v1", kind: "ReplicationController", name: "web", controller: true },
  ]);
  const scale = await cluster.client.get(replicationControllers, key, { subresource: "scale" });
  expect(scale).toMatchObject({ spec: { replicas: 2 }, status: { selector: "app=web" } });
  await cluster.client.patch(
    replicationControllers,
    key,
    { type: "merge", body: { spec: { replicas: 1 } } },
    { subresource: "scale" },
  );
  await cluster.settle();
  expect(await cluster.list(pods)).toHaveLength(1);
});

test("it makes up for pods that go, lets go of those with other labels, and takes orphans", async () => {
  await start();
  const [first, second] = await cluster.list(pods);
  const at = (name = "") => ({ namespace: "default", name });
  await cluster.client.patch(pods, at(first?.metadata.name), {
    type: "merge",
    body: { metadata: { labels: { app: "else" } } },
  });
  await cluster.client.delete(pods, at(second?.metadata.name));
  await cluster.settle();
  expect(await cluster.list(pods)).toHaveLength(3);
  const released = await cluster.get(pods, first?.metadata.name ?? "");
  expect(released?.metadata.ownerReferences ?? []).toEqual([]);
  await cluster.client.delete(replicationControllers, key, { propagationPolicy: "Orphan" });
  await cluster.settle();
  const before = (await cluster.list(pods)).map(({ metadata }) => metadata.name).sort();
  await start();
  expect((await cluster.list(pods)).map(({ metadata }) => metadata.name).sort()).toEqual(before);
});

test("its selector is not empty and matches its template", async () => {
  const bad = (selector: Record<string, string>): ReplicationController => ({
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { ...key },
    spec: {
      selector,
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "app", image: "v1" }] },
      },
    },
  });
  await expect(cluster.client.create(replicationControllers, bad({ app: "x" }))).rejects.toThrow(
    /`selector` does not match template `labels`/,
  );
  await expect(cluster.client.create(replicationControllers, bad({}))).rejects.toThrow(
    /empty selector is invalid for replicationcontroller/,
  );
});
