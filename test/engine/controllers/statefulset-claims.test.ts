import type {
  StatefulSetPersistentVolumeClaimRetentionPolicy,
  StatefulSetSpec,
} from "kubernetes-types/apps/v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { statefulSets } from "../../../src/kube/kinds/statefulset.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const key = (name: string) => ({ namespace: "default", name });
const claims = async () => cluster.list(persistentVolumeClaims);
const names = async () => (await claims()).map(({ metadata }) => metadata.name).toSorted();
const claimNow = (name: string) => cluster.get(persistentVolumeClaims, name);
const podNow = (name: string) => cluster.get(pods, name);
const owners = async (name: string) =>
  ((await claimNow(name))?.metadata.ownerReferences ?? []).map(
    (owner) => `${owner.kind}/${owner.name}`,
  );

async function start(
  policy?: StatefulSetPersistentVolumeClaimRetentionPolicy,
  rest: Partial<StatefulSetSpec> = {},
): Promise<void> {
  await cluster.client.create(statefulSets, {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: key("db"),
    spec: {
      replicas: 3,
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: {
        metadata: { labels: { app: "db" } },
        spec: {
          containers: [
            { name: "app", image: "v1", volumeMounts: [{ name: "data", mountPath: "/data" }] },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data", labels: { tier: "disk" }, annotations: { note: "kept" } },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
        },
      ],
      ...(policy === undefined ? {} : { persistentVolumeClaimRetentionPolicy: policy }),
      ...rest,
    },
  });
  await cluster.settle();
}
async function scale(replicas: number): Promise<void> {
  const body = { spec: { replicas } };
  await cluster.client.patch(statefulSets, key("db"), { type: "merge", body });
}

test("each pod has claims of its own, by name and label", async () => {
  await start();
  expect(await names()).toEqual(["data-db-0", "data-db-1", "data-db-2"]);
  expect((await claimNow("data-db-1"))?.metadata).toMatchObject({
    labels: { app: "db", tier: "disk" },
    annotations: { note: "kept" },
  });
  expect((await podNow("db-1"))?.spec?.volumes).toContainEqual({
    name: "data",
    persistentVolumeClaim: { claimName: "data-db-1" },
  });
  const told = (await cluster.list(events)).map(({ message }) => message);
  expect(told).toContain("create Claim data-db-0 Pod db-0 in StatefulSet db success");
});

test("claims are kept when the set is scaled down and deleted, and found again", async () => {
  await start();
  const before = (await claimNow("data-db-2"))?.metadata.uid;
  await scale(1);
  await cluster.until(async () => (await podNow("db-1")) === undefined);
  await cluster.client.delete(statefulSets, key("db"));
  await cluster.settle();
  expect(await names()).toEqual(["data-db-0", "data-db-1", "data-db-2"]);
  await start();
  expect((await claimNow("data-db-2"))?.metadata.uid).toBe(before);
});

test("with whenScaled Delete a claim goes with its pod, not before", async () => {
  await start({ whenScaled: "Delete" });
  expect(await owners("data-db-2")).toEqual([]);
  await scale(1);
  await cluster.until(async () => (await names()).length === 1);
  expect(await names()).toEqual(["data-db-0"]);
  await cluster.client.delete(pods, key("db-0"));
  await cluster.settle();
  expect(await names()).toEqual(["data-db-0"]);
  expect(await owners("data-db-0")).toEqual([]);
});

test("scaled up again at once, a pod waits for a claim of its own instead of one that goes", async () => {
  await start({ whenScaled: "Delete" });
  const before = (await claimNow("data-db-2"))?.metadata.uid;
  await scale(2);
  await cluster.until(async () => (await podNow("db-2")) === undefined);
  await scale(3);
  await cluster.until(async () => (await podNow("db-2"))?.status?.phase === "Running");
  await cluster.settle();
  const after = (await claimNow("data-db-2"))?.metadata;
  expect(after?.deletionTimestamp).toBeUndefined();
  expect(after?.uid).not.toBe(before);
  expect(await owners("data-db-2")).toEqual([]);
});

test("with whenDeleted Delete claims belong to the set and go with it", async () => {
  await start({ whenDeleted: "Delete" });
  expect(await owners("data-db-0")).toEqual(["StatefulSet/db"]);
  await scale(1);
  await cluster.settle();
  expect(await names()).toHaveLength(3);
  await cluster.client.delete(statefulSets, key("db"));
  await cluster.until(async () => (await names()).length === 0);
});

test("a changed policy reaches the claims that exist", async () => {
  await start();
  const policy = { whenDeleted: "Delete", whenScaled: "Retain" };
  await cluster.client.patch(statefulSets, key("db"), {
    type: "merge",
    body: { spec: { persistentVolumeClaimRetentionPolicy: policy } },
  });
  await cluster.settle();
  expect(await owners("data-db-1")).toEqual(["StatefulSet/db"]);
  await cluster.client.patch(statefulSets, key("db"), {
    type: "merge",
    body: { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain" } } },
  });
  await cluster.settle();
  expect(await owners("data-db-1")).toEqual([]);
});

test("a claim that somebody else controls is left to them", async () => {
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "boss", controller: true };
  const boss = await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: key("boss"),
  });
  await cluster.client.create(persistentVolumeClaims, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...key("data-db-0"),
      ownerReferences: [{ ...owner, uid: boss.metadata.uid ?? "" }],
    },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
  await start({ whenDeleted: "Delete" });
  expect(await owners("data-db-0")).toEqual(["ConfigMap/boss"]);
  expect(await owners("data-db-1")).toEqual(["StatefulSet/db"]);
});
