/** Autoscalers scale workloads by what the agents of nodes measure. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import {
  type AutoscalerSpec,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalers,
} from "../../../src/kube/kinds/horizontalpodautoscaler.ts";
import { nodeMetrics, podMetrics } from "../../../src/kube/pod-metrics.ts";
import { simulatedConnection } from "../../../src/engine/simulation/simulated-connection.ts";
import { type Cluster, NODE, startCluster, webDeployment } from "./cluster.ts";

let cluster: Cluster;
/** In thousandths of a core, shared by all pods. */
let load = 0;

beforeEach(async () => {
  cluster = await startCluster();
  load = 0;
  const counters = new Map<string, { atMs: number; nanoseconds: number }>();
  cluster.server.nodes.connect(NODE, {
    ...simulatedConnection(cluster.clock),
    async measure(pods) {
      const atMs = cluster.clock.now();
      const containers = pods.map(({ metadata: { uid = "", creationTimestamp = "" } }) => {
        const before = counters.get(uid) ?? { atMs: Date.parse(creationTimestamp), nanoseconds: 0 };
        const nanoseconds = before.nanoseconds + (atMs - before.atMs) * (load / pods.length) * 1000;
        counters.set(uid, { atMs, nanoseconds });
        return {
          podUid: uid,
          name: "app",
          sinceMs: Date.parse(creationTimestamp),
          cpuNanoseconds: BigInt(Math.round(nanoseconds)),
          memoryBytes: 64 * 1024 * 1024,
        };
      });
      return { atMs, containers };
    },
  });
});
afterEach(() => cluster.stop());

async function deploy(replicas: number): Promise<void> {
  const web = webDeployment(replicas);
  const [container] = web.spec?.template.spec?.containers ?? [];
  if (web.spec === undefined || container === undefined) throw new Error("no container");
  const resources = { requests: { cpu: "1", memory: "128Mi" } };
  const spec = { containers: [{ ...container, name: "app", resources }] };
  await cluster.client.create(deployments, {
    ...web,
    spec: { ...web.spec, template: { ...web.spec.template, spec } },
  });
  await cluster.until(
    async () => (await cluster.get(deployments, "web"))?.status?.availableReplicas === replicas,
  );
}
const autoscale = (spec: Partial<AutoscalerSpec> = {}, name = "web") =>
  cluster.client.create(horizontalPodAutoscalers, {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { namespace: "default", name },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      maxReplicas: 10,
      ...spec,
    },
  });
const status = async (name = "web"): Promise<NonNullable<HorizontalPodAutoscaler["status"]>> =>
  (await cluster.get(horizontalPodAutoscalers, name))?.status ?? {};
const condition = async (type: string, reason: string, name = "web") =>
  cluster.until(async () =>
    (await status(name)).conditions?.find((one) => one.type === type && one.reason === reason),
  );
const sizeBecomes = (replicas: number) =>
  cluster.until(async () => (await cluster.get(deployments, "web"))?.spec?.replicas === replicas);

test("usage is the difference between readings, per second", async () => {
  await deploy(2);
  load = 500;
  await cluster.client.list(podMetrics, { namespace: "default" });
  await cluster.clock.advance(12_000);
  const { items } = await cluster.client.list(podMetrics, { namespace: "default" });
  expect(items.map(({ containers }) => containers[0]?.usage)).toEqual([
    { cpu: "250m", memory: "64Mi" },
    { cpu: "250m", memory: "64Mi" },
  ]);
  const { items: nodes } = await cluster.client.list(nodeMetrics);
  expect(nodes.map(({ usage }) => usage)).toEqual([{ cpu: "500m", memory: "128Mi" }]);
  expect(items[0]?.window).toMatch(/^1[0-9](\.\d+)?s$/);
});

describe("an autoscaler", () => {
  test("scales up to where the use is what is wanted, and down after five minutes", async () => {
    await deploy(2);
    await autoscale();
    load = 1800;
    await sizeBecomes(3);
    const rescaled = await cluster.until(async () =>
      (await cluster.list(events)).find(({ reason }) => reason === "SuccessfulRescale"),
    );
    expect(rescaled.message).toBe(
      "New size: 3; reason: cpu resource utilization (percentage of request) above target",
    );
    load = 100;
    await condition("AbleToScale", "ScaleDownStabilized");
    await sizeBecomes(1);
    expect((await status()).currentMetrics).toMatchObject([
      { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 3 } } },
    ]);
  });

  test("brings a size within its bounds without asking for metrics", async () => {
    await deploy(1);
    await autoscale({ minReplicas: 3, maxReplicas: 5 });
    await sizeBecomes(3);
  });

  test("leaves alone what was scaled to zero", async () => {
    await deploy(0);
    await autoscale({ minReplicas: 2 });
    await condition("ScalingActive", "ScalingDisabled");
    expect((await cluster.get(deployments, "web"))?.spec?.replicas).toBe(0);
  });

  test("says why it cannot: no target, no requests, no such metric, two of them", async () => {
    await autoscale();
    expect((await condition("AbleToScale", "FailedGetScale")).message).toContain("not found");
    await cluster.client.create(deployments, webDeployment(1));
    expect((await condition("ScalingActive", "FailedGetResourceMetric")).message).toMatch(
      /missing request for cpu in container \S+ of Pod web-|no metrics/,
    );
    const pods = { metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "5" } };
    await cluster.client.delete(horizontalPodAutoscalers, { namespace: "default", name: "web" });
    await autoscale({ metrics: [{ type: "Pods", pods }] }, "custom");
    const failed = await condition("ScalingActive", "FailedGetPodsMetric", "custom");
    expect(failed.message).toContain("nothing serves custom.metrics.k8s.io here");
    await autoscale({}, "rival");
    expect((await condition("ScalingActive", "AmbiguousSelector", "rival")).message).toContain(
      "[custom rival]",
    );
  });

  test("a metric that is not known keeps it from scaling down", async () => {
    await deploy(4);
    const target = { type: "Utilization", averageUtilization: 50 };
    const pods = { metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "5" } };
    await autoscale({
      metrics: [
        { type: "Resource", resource: { name: "cpu", target } },
        { type: "Pods", pods },
      ],
    });
    load = 40;
    await cluster.clock.advance(11 * 60_000);
    await condition("ScalingActive", "FailedGetPodsMetric");
    expect((await cluster.get(deployments, "web"))?.spec?.replicas).toBe(4);
    // But it may grow.
    load = 3600;
    await sizeBecomes(8);
  });
});
