import type { OwnerReference } from "kubernetes-types/meta/v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { customResourceDefinitions } from "../../../src/kube/kinds/customresourcedefinition.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { type Cluster, startCluster, webDeployment } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const key = (name: string) => ({ namespace: "default", name });
function refTo(owner: KubeObject, extra: Partial<OwnerReference> = {}): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", ...extra };
}
async function configMap(
  name: string,
  ownerReferences: OwnerReference[] = [],
  namespace = "default",
) {
  return await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name, ownerReferences },
  });
}
const exists = async (name: string): Promise<boolean> =>
  (await cluster.get(configMaps, name)) !== undefined;

async function runningDeployment(): Promise<void> {
  await cluster.client.create(deployments, webDeployment(2));
  await cluster.until(async () => (await cluster.list(pods)).length === 2);
  await cluster.settle();
}

test("Background: the owner goes at once, everything below follows", async () => {
  await runningDeployment();
  await cluster.client.delete(deployments, key("web"), { propagationPolicy: "Background" });
  expect(await cluster.get(deployments, "web")).toBeUndefined();
  await cluster.until(async () => (await cluster.list(replicaSets)).length === 0);
  await cluster.until(async () => (await cluster.list(pods)).length === 0);
});

test("Foreground: the owner stays until everything below is gone", async () => {
  await runningDeployment();
  await cluster.client.delete(deployments, key("web"), { propagationPolicy: "Foreground" });
  let seenWaiting = false;
  await cluster.until(async () => {
    const web = await cluster.get(deployments, "web");
    const below = (await cluster.list(replicaSets)).length + (await cluster.list(pods)).length;
    if (web === undefined) expect(below).toBe(0);
    else seenWaiting ||= web.metadata.finalizers?.includes("foregroundDeletion") ?? false;
    return web === undefined;
  });
  expect(seenWaiting).toBe(true);
});

test("Orphan: what is below stays, without an owner, and a new owner adopts it", async () => {
  await runningDeployment();
  const [set] = await cluster.list(replicaSets);
  await cluster.client.delete(deployments, key("web"), { propagationPolicy: "Orphan" });
  await cluster.until(async () => (await cluster.get(deployments, "web")) === undefined);
  await cluster.settle();
  const [orphan] = await cluster.list(replicaSets);
  expect(orphan?.metadata.uid).toBe(set?.metadata.uid);
  expect(orphan?.metadata.ownerReferences ?? []).toEqual([]);
  const uids = (await cluster.list(pods)).map(({ metadata }) => metadata.uid);
  const again = await cluster.client.create(deployments, webDeployment(2));
  await cluster.settle();
  const [adopted] = await cluster.list(replicaSets);
  expect(adopted?.metadata.ownerReferences?.[0]?.uid).toBe(again.metadata.uid);
  expect((await cluster.list(pods)).map(({ metadata }) => metadata.uid)).toEqual(uids);
});

test("with several owners an object goes with the last one", async () => {
  const [a, b] = [await configMap("a"), await configMap("b")];
  await configMap("child", [refTo(a), refTo(b)]);
  await cluster.client.delete(configMaps, key("a"));
  await cluster.until(async () => {
    const child = await cluster.get(configMaps, "child");
    return child?.metadata.ownerReferences?.length === 1;
  });
  expect(await exists("child")).toBe(true);
  await cluster.client.delete(configMaps, key("b"));
  await cluster.until(async () => !(await exists("child")));
});

test("a circle of owners does not block its own deletion", async () => {
  const a = await configMap("a");
  const b = await configMap("b", [refTo(a, { blockOwnerDeletion: true })]);
  const c = await configMap("c", [refTo(b, { blockOwnerDeletion: true })]);
  const reference = refTo(c, { blockOwnerDeletion: true });
  await cluster.client.update(configMaps, {
    ...a,
    metadata: { ...a.metadata, ownerReferences: [reference] },
  });
  await cluster.client.delete(configMaps, key("a"), { propagationPolicy: "Foreground" });
  await cluster.until(async () => !(await exists("a")) && !(await exists("b")));
  await cluster.settle();
  expect(await exists("c")).toBe(false);
});

test("an object created with an owner that never was goes", async () => {
  await configMap("lost", [{ apiVersion: "v1", kind: "ConfigMap", name: "no", uid: "never" }]);
  await cluster.settle();
  expect(await exists("lost")).toBe(false);
});

test("an owner of the same name with another uid is not the owner", async () => {
  const former = await configMap("owner");
  await cluster.client.delete(configMaps, key("owner"));
  await configMap("owner");
  await configMap("child", [refTo(former)]);
  await cluster.until(async () => !(await exists("child")));
  expect(await exists("owner")).toBe(true);
});

test("an owner in another namespace counts as absent, and an Event says so", async () => {
  await cluster.client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "other" },
  });
  const foreign = await configMap("foreign", [], "other");
  await cluster.settle();
  await configMap("child", [refTo(foreign)]);
  await cluster.settle();
  expect(await exists("child")).toBe(false);
  const told = (await cluster.list(events)).map(({ reason }) => reason);
  expect(told).toContain("OwnerRefInvalidNamespace");
});

test("an owner of a kind that is not served proves nothing: the object stays", async () => {
  await configMap("child", [{ apiVersion: "x.dev/v1", kind: "Unknown", name: "x", uid: "u" }]);
  await cluster.clock.advance(120_000);
  expect(await exists("child")).toBe(true);
});

test("custom resources own and are owned like any other", async () => {
  await cluster.client.create(customResourceDefinitions, {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "things.x.dev" },
    spec: {
      group: "x.dev",
      scope: "Namespaced",
      names: { plural: "things", singular: "thing", kind: "Thing" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: "object" },
          },
        },
      ],
    },
  });
  const things = await cluster.until(() => cluster.client.resourceFor("x.dev/v1", "Thing"));
  const create = (name: string, ownerReferences: OwnerReference[] = []) =>
    cluster.client.create(things, {
      apiVersion: "x.dev/v1",
      kind: "Thing",
      metadata: { namespace: "default", name, ownerReferences },
    });
  const owner = await create("owner");
  await create("child", [refTo(owner, { blockOwnerDeletion: true })]);
  await configMap("child", [refTo(owner)]);
  await cluster.settle();
  await cluster.client.delete(things, key("owner"), { propagationPolicy: "Foreground" });
  await cluster.until(async () => (await cluster.list(things)).length === 0);
  await cluster.settle();
  expect(await exists("child")).toBe(false);
});
