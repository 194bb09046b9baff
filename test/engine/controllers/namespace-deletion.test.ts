import { afterEach, beforeEach, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { serviceAccounts } from "../../../src/kube/kinds/serviceaccount.ts";
import { type Cluster, startCluster, webDeployment } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
  await cluster.client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "team" },
  });
});
afterEach(() => cluster.stop());

const team = (): Promise<unknown> => cluster.get(namespaces, "team");
const remove = () => cluster.client.delete(namespaces, { name: "team" });

test("a deleted namespace is emptied, then goes, and nothing comes back in between", async () => {
  const web = webDeployment(3);
  await cluster.client.create(deployments, {
    ...web,
    metadata: { namespace: "team", name: "web" },
  });
  await cluster.until(async () => (await cluster.list(pods)).length === 3);
  await remove();
  await cluster.until(async () => (await team()) === undefined);
  for (const resource of await cluster.client.resources())
    if (resource.namespaced && resource.plural !== "events") {
      const { items } = await cluster.client.list(resource, { namespace: "team" });
      expect(items).toEqual([]);
    }
});

test("what a finalizer holds is told, and the namespace goes when it is let go", async () => {
  const held = await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "team", name: "held", finalizers: ["x.dev/hold"] },
  });
  await remove();
  const waiting = await cluster.until(async () => {
    const namespace = await cluster.get(namespaces, "team");
    return namespace?.status?.conditions?.length ? namespace : undefined;
  });
  const told = waiting.status?.conditions?.map(({ type, status, message }) => [
    type,
    status,
    message,
  ]);
  expect(told).toEqual([
    [
      "NamespaceDeletionContentFailure",
      "False",
      "All content successfully deleted, may be waiting on finalization",
    ],
    [
      "NamespaceContentRemaining",
      "True",
      "Some resources are remaining: configmaps has 1 resource instances",
    ],
    [
      "NamespaceFinalizersRemaining",
      "True",
      "Some content in the namespace has finalizers remaining: x.dev/hold in 1 resource instances",
    ],
  ]);
  const { resourceVersion = "" } = held.metadata;
  expect(Number(resourceVersion)).toBeGreaterThan(0);
  await cluster.client.patch(
    configMaps,
    { namespace: "team", name: "held" },
    { type: "merge", body: { metadata: { finalizers: null } } },
  );
  await cluster.until(async () => (await team()) === undefined);
});

test("pods go before what they may still need", async () => {
  await cluster.stop();
  cluster = await startCluster({ kubelet: false });
  await cluster.client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "team" },
  });
  await cluster.client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "team", name: "slow" },
    spec: { containers: [{ name: "app", image: "x" }], nodeName: "n" },
  });
  await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "team", name: "used" },
  });
  await remove();
  await cluster.clock.advance(10_000);
  const { items } = await cluster.client.list(configMaps, { namespace: "team" });
  expect(items).toHaveLength(1);
  await cluster.client.delete(pods, { namespace: "team", name: "slow" }, { gracePeriodSeconds: 0 });
  await cluster.until(async () => (await team()) === undefined);
});

test("every namespace has its default ServiceAccount, also after it was deleted", async () => {
  const account = async () =>
    (await cluster.list(serviceAccounts)).find(
      ({ metadata }) => metadata.namespace === "team" && metadata.name === "default",
    );
  const first = await cluster.until(account);
  await cluster.client.delete(serviceAccounts, { namespace: "team", name: "default" });
  const second = await cluster.until(account);
  expect(second.metadata.uid).not.toBe(first.metadata.uid);
});
