/**
 * The scheduler alone, over the in-process API with a durable store, without node agents: pods per
 * second on 1,000 nodes, plain and with topology spread and anti-affinity; pods that fit nowhere; and
 * how long the event loop was held up. Prints one JSON line. Bars: plain ≥ 700, constrained ≥ 200.
 *
 *     npm run bench:build && node dist/bench/scheduler.js [NODES] [PODS]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Informers } from "../src/client/informers.ts";
import { createApiServer } from "../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../src/engine/apiserver/in-process-client.ts";
import { MASTERS_GROUP } from "../src/engine/apiserver/request-context.ts";
import { startScheduler } from "../src/engine/scheduler/scheduler.ts";
import { LmdbStore } from "../src/engine/store/lmdb-store.ts";
import { namespaces } from "../src/kube/kinds/namespace.ts";
import { nodes } from "../src/kube/kinds/node.ts";
import { type Pod, pods } from "../src/kube/kinds/pod.ts";

const NODES = Number(process.argv[2] ?? 1_000);
const PODS = Number(process.argv[3] ?? 10_000);
const ZONES = 10;
const APPS = 20;
const WRITERS = 256;

type PodSpec = NonNullable<Pod["spec"]>;
const container = {
  name: "web",
  image: "registry.example.com/web:1",
  resources: { requests: { cpu: "100m", memory: "64Mi" } },
};

function constrained(app: string): Partial<PodSpec> {
  const labelSelector = { matchLabels: { app } };
  return {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector,
      },
    ],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector },
        ],
      },
    },
  };
}

async function measure(extra: (app: string) => Partial<PodSpec>, unschedulable = 0) {
  const directory = mkdtempSync(join(tmpdir(), "gantry-bench-scheduler-"));
  const store = await LmdbStore.open({ directory });
  const server = createApiServer({ store });
  const client = new InProcessClient(server, { name: "bench", groups: [MASTERS_GROUP] });
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  await forEach(NODES, async (index) => {
    const name = `node-${index}`;
    const labels = {
      "kubernetes.io/hostname": name,
      "topology.kubernetes.io/zone": `zone-${index % ZONES}`,
    };
    await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
    const body = { status: { allocatable: { cpu: "32", memory: "256Gi", pods: "110" } } };
    await client.patch(nodes, { name }, { type: "merge", body }, { subresource: "status" });
  });
  const create = (name: string, app: string, spec: Partial<PodSpec>) =>
    client.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name, labels: { app } },
      spec: { containers: [container], ...spec },
    });
  await forEach(PODS, (index) => {
    const app = `app-${index % APPS}`;
    return create(`pod-${index}`, app, extra(app));
  });
  await forEach(unschedulable, (index) =>
    create(`stuck-${index}`, `stuck-${index % APPS}`, { nodeSelector: { disk: "none" } }),
  );
  const informers = new Informers(client);
  const podInformer = informers.of(pods);
  informers.start();
  await podInformer.synced;
  let bound = 0;
  const allBound = new Promise<void>((resolve) => {
    podInformer.onChange(({ object, previous }) => {
      if ((object.spec?.nodeName ?? "") === "" || (previous?.spec?.nodeName ?? "") !== "") return;
      if (++bound === PODS) resolve();
    });
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const scheduler = await startScheduler({ client, informers });
  await allBound;
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  await scheduler.stop();
  await informers.stop();
  await server.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  return {
    podsPerSecond: Math.round(PODS / seconds),
    seconds: round(seconds),
    cpuSeconds: round((user + system) / 1e6),
    stallP99Ms: round(delay.percentile(99) / 1e6),
    stallMaxMs: round(delay.max / 1e6),
  };
}

async function forEach(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;

const plain = await measure(() => ({}));
const withTopology = await measure(constrained);
const withStuck = await measure(() => ({}), PODS / 10);
process.stdout.write(
  `${JSON.stringify({
    benchmark: "scheduler",
    nodes: NODES,
    pods: PODS,
    plain,
    spreadAndAntiAffinity: withTopology,
    besideUnschedulable: withStuck,
    rssMB: Math.round(process.memoryUsage().rss / 1e6),
  })}\n`,
);
