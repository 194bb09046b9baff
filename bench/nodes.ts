/**
 * How many pods a second go from a Deployment onto simulated nodes: 1,000 nodes and one Deployment of
 * 10,000 replicas, until all are scheduled, Running, counted by the Deployment, and gone again; then
 * the same with topology spread and anti-affinity. Bars: Running in 30 s, 700 pods/s scheduled (200
 * with constraints), deleted in 30 s, 1 GB. On two cores. Run: `node dist/bench/nodes.js [PODS] [NODES]`
 */
import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { type Deployment, deployments } from "../src/kube/kinds/deployment.ts";
import { type Pod, pods } from "../src/kube/kinds/pod.ts";
import { GantryProcess } from "./gantry-process.ts";

const PODS = Number(process.argv[2] ?? 10_000);
const NODES = Number(process.argv[3] ?? 1_000);
const NAMESPACE = "default";
const PATIENCE_MS = 300_000;

type PodSpec = Omit<NonNullable<Pod["spec"]>, "containers">;

/** Any two of the same application keep apart; nodes get equal shares. */
const CONSTRAINTS: PodSpec = {
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: { app: "spread" } },
    },
  ],
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        {
          topologyKey: "kubernetes.io/hostname",
          labelSelector: { matchLabels: { app: "other" } },
        },
      ],
    },
  },
};

function deployment(name: string, spec: PodSpec): Deployment {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: NAMESPACE, name },
    spec: {
      replicas: PODS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          ...spec,
          containers: [
            {
              name: "app",
              image: "registry.example.com/app:1",
              resources: { requests: { cpu: "100m", memory: "128Mi" } },
            },
          ],
        },
      },
    },
  };
}

interface Times {
  /** Of the server, until all run, and for all of it. */
  readonly cpuToRunning: number;
  readonly cpu: number;
  readonly scheduledMs: number;
  readonly runningMs: number;
  readonly deletedMs: number;
}

/** Looks are cheap for the server, and add this much to what is measured at most. */
const LOOK_MS = 50;

/** How many pods there are: the namespace holds no others, so a list of one says how many remain. */
async function countPods(client: HttpClient): Promise<number> {
  const { items, remainingItemCount = 0 } = await client.list(pods, {
    namespace: NAMESPACE,
    limit: 1,
  });
  return items.length + remainingItemCount;
}

/** Follows pods without a node over HTTP, as any client could: they leave the watch when they get one. */
async function untilScheduled(client: HttpClient, name: string): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const selectors = { labelSelector: `app=${name}`, fieldSelector: "spec.nodeName=" };
  let scheduled = 0;
  let resourceVersion: string | undefined;
  for (;;) {
    const from = resourceVersion === undefined ? {} : { resourceVersion };
    const options = { namespace: NAMESPACE, ...selectors, ...from, signal };
    for await (const event of client.watch(pods, options)) {
      if (event.type === "BOOKMARK") continue;
      resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
      if (event.type === "DELETED" && ++scheduled === PODS) return;
    }
  }
}

/** All pods run and are ready, by the Deployment's own count. */
async function untilReady(client: HttpClient, name: string): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const options = { namespace: NAMESPACE, fieldSelector: `metadata.name=${name}`, signal };
  for await (const event of client.watch(deployments, options))
    if (event.type !== "BOOKMARK" && event.object.status?.readyReplicas === PODS) return;
  throw new Error(`the watch of ${name} ended`);
}

async function untilGone(client: HttpClient): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while ((await countPods(client)) > 0) {
    if (performance.now() > deadlineMs) throw new Error("the pods do not go");
    await pause(LOOK_MS);
  }
}

async function run(client: HttpClient, name: string, spec: PodSpec): Promise<Times> {
  const startMs = performance.now();
  const startCpu = gantry.cpuSeconds();
  const used = (): number => Math.round((gantry.cpuSeconds() - startCpu) * 10) / 10;
  const elapsed = (): number => Math.round(performance.now() - startMs);
  const scheduled = untilScheduled(client, name).then(elapsed);
  await client.create(deployments, deployment(name, spec));
  await untilReady(client, name);
  const runningMs = elapsed();
  const cpuToRunning = used();
  const scheduledMs = await scheduled;
  const deleteStartMs = performance.now();
  await client.delete(deployments, { namespace: NAMESPACE, name });
  await untilGone(client);
  const deletedMs = Math.round(performance.now() - deleteStartMs);
  return { scheduledMs, runningMs, deletedMs, cpuToRunning, cpu: used() };
}

const perSecond = (ms: number): number => Math.round((PODS / ms) * 1_000);

const gantry = new GantryProcess();
try {
  await gantry.start(["--simulated-nodes", String(NODES), "--log-level", "error"]);
  const client = await gantry.client();
  const idleRssMb = gantry.rssMb();
  const plain = await run(client, "plain", {});
  const spread =
    process.env["PLAIN_ONLY"] === "1" ? undefined : await run(client, "spread", CONSTRAINTS);
  console.log(
    JSON.stringify({
      benchmark: "nodes",
      cores: availableParallelism(),
      node: process.version,
      nodes: NODES,
      pods: PODS,
      scheduledPerSecond: perSecond(plain.scheduledMs),
      ...plain,
      ...(spread === undefined
        ? {}
        : {
            spreadScheduledPerSecond: perSecond(spread.scheduledMs),
            spreadRunningMs: spread.runningMs,
            spreadDeletedMs: spread.deletedMs,
            spreadCpuToRunning: spread.cpuToRunning,
            spreadCpu: spread.cpu,
          }),
      idleRssMb,
      peakRssMb: gantry.peakRssMb(),
    }),
  );
} finally {
  await gantry.stop();
}
