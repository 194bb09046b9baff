import type { DaemonSetSpec } from "kubernetes-types/apps/v1";
import type { Taint } from "kubernetes-types/core/v1";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeOf } from "../../../src/engine/controllers/daemonset/pod-of-node.ts";
import { controllerRevisions } from "../../../src/kube/kinds/controllerrevision.ts";
import { type DaemonSet, daemonSets } from "../../../src/kube/kinds/daemonset.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster({ kubelet: false });
  for (const name of ["a", "b", "c"]) await addNode(name);
});
afterEach(() => cluster.stop());

async function addNode(name: string, taints: Taint[] = []): Promise<void> {
  await cluster.client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { zone: name } },
    spec: { taints },
  });
}
const key = { namespace: "default", name: "log" };
const labels = { app: "log" };
const template = (image: string) => ({
  metadata: { labels },
  spec: { containers: [{ name: "app", image }] },
});
const start = async (spec: Partial<DaemonSetSpec> = {}): Promise<void> => {
  const set: DaemonSet = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { ...key },
    spec: { selector: { matchLabels: labels }, template: template("v1"), ...spec },
  };
  await cluster.client.create(daemonSets, set);
  await run();
};
const change = async (spec: object): Promise<void> => {
  await cluster.client.patch(daemonSets, key, { type: "merge", body: { spec: { ...spec } } });
  await run();
};
/** What nodes do with pods, once: those that go are gone, those that come run unless `bad`. */
async function step(): Promise<boolean> {
  await cluster.settle();
  const list = await cluster.list(pods);
  const changes = await Promise.all(list.map(advance));
  await cluster.settle();
  return changes.includes(true);
}
async function run(): Promise<void> {
  while (await step());
}
async function advance(pod: Pod): Promise<boolean> {
  const at = { namespace: "default", name: pod.metadata.name };
  if (pod.metadata.deletionTimestamp !== undefined) {
    await cluster.client.delete(pods, at, { gracePeriodSeconds: 0 });
    return true;
  }
  if (pod.spec?.nodeName === undefined) {
    const target = { kind: "Node", name: nodeOf(pod) ?? "" };
    const binding = { apiVersion: "v1", kind: "Binding", metadata: at, target };
    await cluster.client.create(pods, binding, { subresource: "binding" });
    return true;
  }
  if (pod.status?.phase === "Running") return false;
  await setReady(pod, imageOf(pod) !== "bad");
  return true;
}
async function setReady({ metadata: { name } }: Pod, isReady: boolean): Promise<void> {
  const pod = await cluster.client.get(pods, { namespace: "default", name });
  const lastTransitionTime = new Date(cluster.clock.now()).toISOString();
  const conditions = [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime }];
  const next = { ...pod, status: { ...pod.status, phase: "Running", conditions } };
  await cluster.client.update(pods, next, { subresource: "status" });
}
const imageOf = ({ spec }: Pod): string => spec?.containers[0]?.image ?? "";
/** `node:image` of every pod that stays. */
const placed = async (): Promise<string[]> =>
  (await cluster.list(pods))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((pod) => `${nodeOf(pod) ?? ""}:${imageOf(pod)}`)
    .sort();
const status = async (): Promise<Partial<NonNullable<DaemonSet["status"]>>> =>
  (await cluster.get(daemonSets, "log"))?.status ?? {};
const surging = {
  updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
};

describe("a DaemonSet", () => {
  test("has one pod on each node, also on those that come later, none on those that go", async () => {
    await start();
    expect(await placed()).toEqual(["a:v1", "b:v1", "c:v1"]);
    expect(await status()).toEqual({
      observedGeneration: 1,
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      updatedNumberScheduled: 3,
      numberReady: 3,
      numberAvailable: 3,
      numberUnavailable: 0,
      numberMisscheduled: 0,
    });
    await addNode("d");
    await cluster.client.delete(nodes, { name: "a" });
    await run();
    expect(await placed()).toEqual(["b:v1", "c:v1", "d:v1"]);
  });

  test("leaves the placing to the scheduler, and tolerates what befalls nodes", async () => {
    await start();
    const [pod] = await cluster.list(pods);
    const { nodeSelectorTerms = [] } =
      pod?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? {};
    expect(nodeSelectorTerms).toEqual([
      { matchFields: [{ key: "metadata.name", operator: "In", values: [expect.any(String)] }] },
    ]);
    expect(pod?.spec?.tolerations).toEqual(
      expect.arrayContaining([
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
        { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
      ]),
    );
  });

  test("keeps to its node selector, and moves with the labels of nodes", async () => {
    const { metadata, spec } = template("v1");
    await start({ template: { metadata, spec: { ...spec, nodeSelector: { zone: "b" } } } });
    expect(await placed()).toEqual(["b:v1"]);
    for (const [name, zone] of [
      ["a", "b"],
      ["b", "x"],
    ])
      await cluster.client.patch(
        nodes,
        { name: name ?? "" },
        { type: "merge", body: { metadata: { labels: { zone: zone ?? "" } } } },
      );
    await run();
    expect(await placed()).toEqual(["a:v1"]);
  });

  test("keeps off tainted nodes, and leaves them only for NoExecute", async () => {
    await addNode("d", [{ key: "gpu", effect: "NoSchedule" }]);
    await start();
    expect(await placed()).toEqual(["a:v1", "b:v1", "c:v1"]);
    const taint = async (name: string, effect: string): Promise<void> => {
      const spec = { taints: [{ key: "gpu", effect }] };
      await cluster.client.patch(nodes, { name }, { type: "merge", body: { spec } });
    };
    await taint("a", "NoSchedule");
    await taint("b", "NoExecute");
    await run();
    expect(await placed()).toEqual(["a:v1", "c:v1"]);
    expect(await status()).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 });
  });

  test("makes a pod again that has ended", async () => {
    await start();
    const [pod] = await cluster.list(pods);
    if (pod === undefined) throw new Error("no pod");
    const failed = { ...pod, status: { ...pod.status, phase: "Failed" } };
    await cluster.client.update(pods, failed, { subresource: "status" });
    await cluster.clock.advance(10_000);
    await run();
    expect(await placed()).toEqual(["a:v1", "b:v1", "c:v1"]);
    expect(await cluster.get(pods, pod.metadata.name)).toBeUndefined();
  });
});

describe("an update of a DaemonSet", () => {
  test("takes one node after the other, and stops where pods do not work", async () => {
    await start();
    await change({ template: template("v2") });
    expect(await placed()).toEqual(["a:v2", "b:v2", "c:v2"]);
    await change({ template: template("bad") });
    const images = (await placed()).map((one) => one.slice(2)).sort();
    expect(images).toEqual(["bad", "v2", "v2"]);
    expect(await status()).toMatchObject({ updatedNumberScheduled: 1, numberUnavailable: 1 });
    await change({ template: template("v2") });
    expect(await placed()).toEqual(["a:v2", "b:v2", "c:v2"]);
    const revisions = await cluster.list(controllerRevisions);
    expect(revisions.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([1, 3, 4]);
  });

  test("with maxSurge makes the new pod first, and the old one stays until it works", async () => {
    await start(surging);
    await change({ template: template("bad") });
    const here = await placed();
    expect(here.filter((one) => one.endsWith(":v1"))).toEqual(["a:v1", "b:v1", "c:v1"]);
    expect(here).toHaveLength(4);
    expect(await status()).toMatchObject({ numberAvailable: 3, updatedNumberScheduled: 1 });
    await change({ template: template("v2") });
    expect(await placed()).toEqual(["a:v2", "b:v2", "c:v2"]);
  });

  test("waits for minReadySeconds", async () => {
    await start({ minReadySeconds: 20 });
    await cluster.clock.advance(20_000);
    await run();
    await change({ template: template("v2") });
    const updated = async () => (await placed()).filter((one) => one.endsWith(":v2")).length;
    expect(await updated()).toBe(1);
    await cluster.clock.advance(20_000);
    await run();
    expect(await updated()).toBe(2);
  });

  test("OnDelete waits until pods are deleted by somebody", async () => {
    await start({ updateStrategy: { type: "OnDelete" } });
    await change({ template: template("v2") });
    expect(await placed()).toEqual(["a:v1", "b:v1", "c:v1"]);
    const onB = (await cluster.list(pods)).find((pod) => nodeOf(pod) === "b");
    await cluster.client.delete(pods, {
      namespace: "default",
      name: onB?.metadata.name ?? "",
    });
    await run();
    expect(await placed()).toEqual(["a:v1", "b:v2", "c:v1"]);
  });
});
