/**
 * How many pods a second go from a Deployment onto simulated nodes: 1,000 nodes and one Deployment of
 * 10,000 replicas, until all are scheduled, Running, counted by the Deployment, and gone again; then
 * the same with topology spread and anti-affinity. Bars: Running in 30 s, 700 pods/s scheduled (200
 * with constraints), deleted in 30 s, 1 GB. On two cores. Run: `node dist/bench/nodes.js [PODS] [NODES]`
 */
import { availableParallelism } from "node:os";
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

/** Counts from a watch over HTTP, as any other client sees it. */
class Counter {
  readonly #pods = new Map<string, "new" | "scheduled" | "running">();
  #onEvent: () => void = () => undefined;
  scheduled = 0;
  running = 0;

  get size(): number {
    return this.#pods.size;
  }

  async follow(client: HttpClient, labelSelector: string, signal: AbortSignal): Promise<void> {
    const options = { namespace: NAMESPACE, labelSelector, signal };
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        const from = resourceVersion === undefined ? {} : { resourceVersion };
        for await (const event of client.watch(pods, { ...options, ...from })) {
          if (event.type === "BOOKMARK") continue;
          resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
          this.#take(event.type, event.object);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  #take(type: "ADDED" | "MODIFIED" | "DELETED", pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const before = this.#pods.get(uid);
    if (before === "running") this.running--;
    if (before === "running" || before === "scheduled") this.scheduled--;
    if (type === "DELETED") this.#pods.delete(uid);
    else {
      const isReady = pod.status?.conditions?.some(
        (c) => c.type === "Ready" && c.status === "True",
      );
      const isScheduled = (pod.spec?.nodeName ?? "") !== "";
      const state = isReady === true ? "running" : isScheduled ? "scheduled" : "new";
      if (state === "running") this.running++;
      if (state !== "new") this.scheduled++;
      this.#pods.set(uid, state);
    }
    this.#onEvent();
  }

  until(check: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const state = () => `${this.size} pods, ${this.scheduled} scheduled, ${this.running} running`;
      const timer = setTimeout(() => reject(new Error(`not in time: ${state()}`)), PATIENCE_MS);
      this.#onEvent = () => {
        if (!check()) return;
        clearTimeout(timer);
        this.#onEvent = () => undefined;
        resolve();
      };
      this.#onEvent();
    });
  }
}

async function run(client: HttpClient, name: string, spec: PodSpec): Promise<Times> {
  const abort = new AbortController();
  const counter = new Counter();
  const following = counter.follow(client, `app=${name}`, abort.signal);
  const startMs = performance.now();
  const startCpu = gantry.cpuSeconds();
  const used = (): number => Math.round((gantry.cpuSeconds() - startCpu) * 10) / 10;
  const elapsed = (): number => Math.round(performance.now() - startMs);
  await client.create(deployments, deployment(name, spec));
  await counter.until(() => counter.scheduled === PODS);
  const scheduledMs = elapsed();
  await counter.until(() => counter.running === PODS);
  const runningMs = elapsed();
  const cpuToRunning = used();
  const deleteStartMs = performance.now();
  await client.delete(deployments, { namespace: NAMESPACE, name });
  await counter.until(() => counter.size === 0);
  const deletedMs = Math.round(performance.now() - deleteStartMs);
  abort.abort();
  await following;
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
