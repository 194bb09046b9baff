/** PodDisruptionBudgets count what matters, and evictions and their controller agree. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { daemonSets } from "../../../src/kube/kinds/daemonset.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import {
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  podDisruptionBudgets,
} from "../../../src/kube/kinds/poddisruptionbudget.ts";
import { statefulSets } from "../../../src/kube/kinds/statefulset.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { type Cluster, startCluster, webDeployment } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const labels = { app: "web" };
const key = { namespace: "default", name: "web" };
const protect = (spec: PodDisruptionBudget["spec"]) =>
  cluster.client.create(podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { ...key },
    spec: { selector: { matchLabels: labels }, ...spec },
  });
const statusOf = async (): Promise<PodDisruptionBudgetStatus> =>
  (await cluster.get(podDisruptionBudgets, "web"))?.status ?? {};
const becomes = (wanted: PodDisruptionBudgetStatus) =>
  cluster.until(async () => {
    const status: Record<string, unknown> = { ...(await statusOf()) };
    return Object.entries(wanted).every(([name, value]) => status[name] === value);
  });
const evict = (name: string) => {
  const eviction: KubeObject = {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { namespace: "default", name },
  };
  return cluster.client.create<KubeObject>(pods, eviction, { subresource: "eviction" });
};
const conditionOf = async (reason: string) =>
  cluster.until(async () =>
    (await statusOf()).conditions?.find((condition) => condition.reason === reason),
  );
const eventsNamed = async (reason: string) =>
  (await cluster.list(events)).filter((event) => event.reason === reason);

async function unmanagedPod(name: string, ready = true): Promise<void> {
  await cluster.client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name, labels },
    spec: { containers: [{ name: "app", image: ready ? "v1" : "bad" }] },
  });
}

test("one after the other may go, the next when the replacement is there", async () => {
  await cluster.client.create(deployments, webDeployment(3));
  await protect({ maxUnavailable: 1 });
  await becomes({ expectedPods: 3, desiredHealthy: 2, currentHealthy: 3, disruptionsAllowed: 1 });
  expect(await conditionOf("SufficientPods")).toMatchObject({ status: "True" });

  const [first, second] = await cluster.list(pods);
  await evict(first?.metadata.name ?? "");
  await expect(evict(second?.metadata.name ?? "")).rejects.toMatchObject({ code: 429 });
  await becomes({ currentHealthy: 3, disruptionsAllowed: 1 });
  expect((await statusOf()).disruptedPods).toBeUndefined();
  await evict(second?.metadata.name ?? "");
});

describe("expects", () => {
  const cases: [
    what: string,
    spec: PodDisruptionBudget["spec"],
    status: PodDisruptionBudgetStatus,
  ][] = [
    [
      "a number of those that are there",
      { minAvailable: 2 },
      { expectedPods: 7, desiredHealthy: 2, disruptionsAllowed: 5 },
    ],
    [
      "a share of what is wanted, rounded up",
      { minAvailable: "50%" },
      { expectedPods: 7, desiredHealthy: 4, disruptionsAllowed: 3 },
    ],
    [
      "a share that may be missing, rounded up",
      { maxUnavailable: "30%" },
      { expectedPods: 7, desiredHealthy: 4, disruptionsAllowed: 3 },
    ],
    [
      "none to be missing",
      { maxUnavailable: 0 },
      { expectedPods: 7, desiredHealthy: 7, disruptionsAllowed: 0 },
    ],
    [
      "no more to be missing than there are",
      { maxUnavailable: 9 },
      { expectedPods: 7, desiredHealthy: 0, disruptionsAllowed: 7 },
    ],
    ["nothing where no bound is set", {}, { expectedPods: 0, disruptionsAllowed: 0 }],
  ];
  test.each(cases)("%s", async (_what, spec, status) => {
    await cluster.client.create(deployments, webDeployment(7));
    await cluster.until(async () => (await cluster.list(pods)).length === 7);
    await protect(spec);
    await becomes({ currentHealthy: 7, observedGeneration: 1, ...status });
  });

  test("what all controllers of its pods want together", async () => {
    const { spec } = webDeployment(2);
    await cluster.client.create(deployments, webDeployment(2));
    await cluster.client.create(statefulSets, {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { namespace: "default", name: "db" },
      spec: {
        serviceName: "db",
        replicas: 3,
        selector: { matchLabels: { ...labels, tier: "db" } },
        template: {
          ...spec?.template,
          metadata: { labels: { ...labels, tier: "db" } },
        },
      },
    });
    await protect({ maxUnavailable: "20%" });
    await becomes({ expectedPods: 5, desiredHealthy: 4, currentHealthy: 5 });
  });

  test("what is wanted now, as soon as the workload is scaled", async () => {
    await cluster.client.create(deployments, webDeployment(2));
    await protect({ maxUnavailable: "50%" });
    await becomes({ expectedPods: 2, disruptionsAllowed: 1 });
    const body = { spec: { replicas: 4 } };
    await cluster.client.patch(deployments, key, { type: "merge", body });
    await becomes({ expectedPods: 4, desiredHealthy: 2, currentHealthy: 4 });
  });
});

test("nothing may go while nothing is there", async () => {
  await protect({ minAvailable: 0 });
  await becomes({ observedGeneration: 1, expectedPods: 0, disruptionsAllowed: 0 });
  expect(await conditionOf("InsufficientPods")).toMatchObject({ status: "False" });
  await cluster.until(async () => (await eventsNamed("NoPods")).length > 0);
});

test("pods that are not ready, or not routed to yet, are no reserve", async () => {
  for (const name of ["a", "b"]) await unmanagedPod(name);
  await unmanagedPod("c", false);
  await protect({ minAvailable: 1 });
  await becomes({ expectedPods: 3, currentHealthy: 2, disruptionsAllowed: 1 });
  const pod = await cluster.client.get(pods, { namespace: "default", name: "a" });
  const routed = { type: "gantry.dev/Routed", status: "False" };
  const conditions = [...(pod.status?.conditions ?? []), routed];
  await cluster.client.update(
    pods,
    { ...pod, status: { ...pod.status, conditions } },
    { subresource: "status" },
  );
  await becomes({ currentHealthy: 1, disruptionsAllowed: 0 });
});

test("a share of pods whose controller cannot be scaled: nothing goes, and it is said why", async () => {
  const { spec } = webDeployment(1);
  await cluster.client.create(daemonSets, {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace: "default", name: "log" },
    spec: { selector: { matchLabels: labels }, template: spec?.template ?? {} },
  });
  await protect({ maxUnavailable: 1 });
  expect(await conditionOf("SyncFailed")).toMatchObject({
    status: "False",
    message: "daemonsets does not implement the scale subresource",
  });
  const [pod] = await cluster.list(pods);
  await expect(evict(pod?.metadata.name ?? "")).rejects.toMatchObject({ code: 429 });
  await cluster.until(
    async () => (await eventsNamed("CalculateExpectedPodCountFailed")).length > 0,
  );
  // A number does not need to know.
  const body = { spec: { maxUnavailable: null, minAvailable: 0 } };
  await cluster.client.patch(podDisruptionBudgets, key, { type: "merge", body });
  await becomes({ expectedPods: 1, disruptionsAllowed: 1, observedGeneration: 2 });
});

describe("a pod that was evicted and then not deleted", () => {
  const disrupt = async () => {
    for (const name of ["a", "b"]) await unmanagedPod(name);
    await protect({ minAvailable: 1 });
    await becomes({ disruptionsAllowed: 1 });
    const budget = await cluster.client.get(podDisruptionBudgets, key);
    const disruptedPods = { a: new Date(cluster.clock.now()).toISOString() };
    await cluster.client.update(
      podDisruptionBudgets,
      { ...budget, status: { ...budget.status, disruptionsAllowed: 0, disruptedPods } },
      { subresource: "status" },
    );
  };

  test("counts as gone for two minutes, not longer", async () => {
    await disrupt();
    await cluster.settle();
    expect(await statusOf()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
    await cluster.clock.advance(100_000);
    await cluster.settle();
    expect(await statusOf()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
    await cluster.clock.advance(21_000);
    await becomes({ currentHealthy: 2, disruptionsAllowed: 1 });
    expect((await statusOf()).disruptedPods).toBeUndefined();
    await cluster.until(async () => (await eventsNamed("NotDeleted")).length > 0);
  });

  test("is not counted twice once it is deleted", async () => {
    await disrupt();
    await cluster.client.delete(pods, { namespace: "default", name: "a" });
    await becomes({ expectedPods: 1, currentHealthy: 1, disruptionsAllowed: 0 });
    expect((await statusOf()).disruptedPods).toBeUndefined();
  });
});

test("a pod that was to be disrupted and was not loses the mark after two minutes", async () => {
  await unmanagedPod("a");
  const find = () => cluster.client.get(pods, { namespace: "default", name: "a" });
  await cluster.until(async () => (await find()).status?.phase === "Running");
  const mark = async (reason: string) => {
    const pod: Pod = await find();
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason,
      lastTransitionTime: new Date(cluster.clock.now()).toISOString(),
    };
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    const status = { ...pod.status, conditions: [...others, condition] };
    await cluster.client.update(pods, { ...pod, status }, { subresource: "status" });
  };
  const target = async () =>
    (await find()).status?.conditions?.find(({ type }) => type === "DisruptionTarget");

  await mark("TerminationByKubelet");
  await cluster.clock.advance(130_000);
  await cluster.settle();
  expect(await target()).toMatchObject({ status: "True" });
  await mark("PreemptionByScheduler");
  await cluster.clock.advance(110_000);
  await cluster.settle();
  expect(await target()).toMatchObject({ status: "True" });
  await cluster.clock.advance(11_000);
  await cluster.until(async () => (await target())?.status === "False");
});
