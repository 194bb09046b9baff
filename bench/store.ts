/**
 * The store: durable writes per second, latency of a lone write, restart time and memory.
 * Prints one JSON line. Run: `npx esbuild bench/store.ts --bundle --platform=node --format=esm
 * --packages=external --outfile=.cache/bench-store.mjs && node --expose-gc .cache/bench-store.mjs [DIR]`
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbStore } from "../src/engine/store/lmdb-store.ts";
import type { Store, StoreKey } from "../src/engine/store/store.ts";
import type { KubeObject } from "../src/kube/object.ts";

const OBJECTS = 50_000;
const WRITERS = 256;
const LONE_WRITES = 2_000;

/** About 1.3 KB of JSON, as a Deployment of an ordinary application is. */
function objectNumber(index: number, version: number): KubeObject & { spec: unknown } {
  const name = `app-${index}`;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace: `team-${index % 50}`,
      uid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      generation: version,
      labels: { app: name, team: `team-${index % 50}`, "app.kubernetes.io/part-of": "shop" },
      annotations: { "gantry.dev/source": `apps/${name}/deployment.yaml#${version}` },
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name: "web",
              image: `registry.example.com/team/${name}:1.${version}.0`,
              ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
              env: Array.from({ length: 4 }, (_, n) => ({ name: `KEY_${n}`, value: `value-${n}` })),
              resources: { requests: { cpu: "100m", memory: "128Mi" } },
              readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 5 },
            },
          ],
          terminationGracePeriodSeconds: 30,
          dnsPolicy: "ClusterFirst",
          restartPolicy: "Always",
        },
      },
    },
  };
}

function keyNumber(index: number): StoreKey {
  const namespace = `team-${index % 50}`;
  return { group: "apps", plural: "deployments", namespace, name: `app-${index}` };
}

/** `WRITERS` clients at a time, each waiting for its answer before it writes again. */
async function writeAll(store: Store, version: number): Promise<number> {
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (next < OBJECTS) {
        const index = next++;
        await store.write(keyNumber(index), () => ({ put: objectNumber(index, version) }));
      }
    }),
  );
  return performance.now() - started;
}

function rssMiB(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 1024 / 1024);
}

function perSecond(count: number, ms: number): number {
  return Math.round((count / ms) * 1000);
}

/** In a process of its own, whose memory nothing else has touched. */
async function reopen(directory: string): Promise<Reopened> {
  const rssBeforeMiB = rssMiB();
  const started = performance.now();
  const store = await LmdbStore.open({ directory });
  const openMs = Math.round(performance.now() - started);
  const rssMiBAfter = rssMiB();
  const listStarted = performance.now();
  const { items } = store.list({ group: "apps", plural: "deployments" });
  const firstListMs = Math.round(performance.now() - listStarted);
  const bytes = items.reduce((sum, { json }) => sum + json.length, 0);
  await store.close();
  const objectBytes = Math.round(bytes / items.length);
  return { openMs, firstListMs, objectBytes, rssBeforeMiB, rssMiB: rssMiBAfter };
}

interface Reopened {
  readonly openMs: number;
  readonly firstListMs: number;
  readonly objectBytes: number;
  readonly rssBeforeMiB: number;
  readonly rssMiB: number;
}

async function main(parent: string): Promise<void> {
  const directory = mkdtempSync(join(parent, "gantry-bench-store-"));
  try {
    const store = await LmdbStore.open({ directory });
    const createMs = await writeAll(store, 1);
    const updateMs = await writeAll(store, 2);

    const latencies: number[] = [];
    for (let index = 0; index < LONE_WRITES; index++) {
      const started = performance.now();
      await store.write(keyNumber(index), () => ({ put: objectNumber(index, 3) }));
      latencies.push(performance.now() - started);
    }
    latencies.sort((a, b) => a - b);
    const percentile = (part: number): number =>
      Number((latencies[Math.floor(latencies.length * part)] ?? 0).toFixed(3));

    let events = 0;
    for (let watcher = 0; watcher < 100; watcher++)
      store.watch({ group: "apps", plural: "deployments" }, store.revision, () => events++);
    const fanOutMs = await writeAll(store, 4);

    await store.compact(store.revision);
    const fileMiB = Math.round(statSync(join(directory, "store.mdb")).size / 1024 / 1024);
    await store.close();
    const child = [...process.execArgv, process.argv[1] ?? "", "--reopen", directory];
    const reopened = JSON.parse(
      execFileSync(process.execPath, child, { encoding: "utf8" }),
    ) as Reopened;

    console.log(
      JSON.stringify({
        benchmark: "store",
        cores: availableParallelism(),
        node: process.version,
        objects: OBJECTS,
        createsPerSecond: perSecond(OBJECTS, createMs),
        updatesPerSecond: perSecond(OBJECTS, updateMs),
        updatesPerSecondWith100Watchers: perSecond(OBJECTS, fanOutMs),
        watchEventsDelivered: events,
        loneWriteP50Ms: percentile(0.5),
        loneWriteP99Ms: percentile(0.99),
        ...reopened,
        fileMiB,
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const [first, second] = process.argv.slice(2);
if (first === "--reopen") console.log(JSON.stringify(await reopen(second ?? "")));
else await main(first ?? tmpdir());
