/**
 * Pods replaced and removed in every way under load: an application that exits at once on SIGTERM,
 * no preStop hook. Every request must succeed, with and without keep-alive, through the Service and
 * through an Ingress. Bar: 0 failed. `ONLY=evict,scale` runs some of the scenarios.
 */
import { cpus } from "node:os";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { services } from "../src/kube/kinds/service.ts";
import { GantryProcess } from "./gantry-process.ts";
import { evictAll, serving } from "./rollout/cluster.ts";
import { HttpLoad, type Target } from "./rollout/http-load.ts";
import { manifests, type Workload } from "./rollout/manifests.ts";

/** Steps of a Deployment's scenario; the others take as many as `share` says. */
const UPDATES = Number(process.env["UPDATES"] ?? 10);
/** Of a Deployment's scenario, at least. */
const REQUESTS = Number(process.env["REQUESTS"] ?? 52_000);
const ONLY = (process.env["ONLY"] ?? "").split(",").filter((name) => name !== "");

interface Scenario {
  readonly name: string;
  readonly workload: Workload;
  readonly replicas: number;
  /** What a step is: another version, fewer and more pods in turn, or all pods evicted. */
  readonly step: "update" | "scale" | "evict";
  readonly share: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "deployment-3", workload: "Deployment", replicas: 3, step: "update", share: 1 },
  { name: "deployment-1", workload: "Deployment", replicas: 1, step: "update", share: 1 },
  { name: "statefulset", workload: "StatefulSet", replicas: 3, step: "update", share: 0.3 },
  { name: "daemonset", workload: "DaemonSet", replicas: 1, step: "update", share: 0.3 },
  { name: "scale", workload: "Deployment", replicas: 4, step: "scale", share: 0.4 },
  { name: "evict", workload: "Deployment", replicas: 3, step: "evict", share: 0.3 },
];

/** What a scenario runs in. */
interface Bench {
  readonly gantry: GantryProcess;
  readonly client: HttpClient;
}

async function targetOf({ gantry, client }: Bench, through: Target["through"]): Promise<Target> {
  if (through === "ingress") {
    const { hostname, port } = new URL(gantry.addresses.ingressHttp ?? "");
    return { through, host: hostname, port: Number(port) };
  }
  const { spec } = await client.get(services, { namespace: "default", name: "app" });
  return { through, host: spec?.clusterIP ?? "", port: 80 };
}

async function run(
  bench: Bench,
  { name, workload, replicas, step, share }: Scenario,
  through: Target["through"],
  keepAlive: boolean,
) {
  const { gantry, client } = bench;
  const deploy = async (version: string, count: number): Promise<void> => {
    gantry.commit(manifests({ workload, replicas: count, version }), `${version} ${count}`);
    await serving(client, count, version);
  };
  const first = `${name}-${through}-${keepAlive}-0`;
  await deploy(first, replicas);
  const load = new HttpLoad(await targetOf(bench, through), keepAlive);
  const steps = Math.ceil(UPDATES * share);
  const durationsMs: number[] = [];
  for (let number = 1; number <= steps; number++) {
    const beganMs = performance.now();
    if (step === "update") await deploy(`${name}-${through}-${keepAlive}-${number}`, replicas);
    else if (step === "scale") await deploy(first, number % 2 === 0 ? replicas : 2);
    else {
      await evictAll(client);
      await serving(client, replicas, first);
    }
    durationsMs.push(performance.now() - beganMs);
    await load.reached((REQUESTS * share * number) / steps);
  }
  const requestsPerSecond = await load.stop();
  const meanMs = durationsMs.reduce((sum, each) => sum + each, 0) / durationsMs.length;
  return {
    name,
    through,
    keepAlive,
    steps,
    requests: load.sent,
    failed: load.failed,
    versionsSeen: load.versions.size,
    requestsPerSecond,
    stepSeconds: Number((meanMs / 1000).toFixed(2)),
    ...(load.errors.size === 0 ? {} : { errors: Object.fromEntries(load.errors) }),
  };
}

const gantry = new GantryProcess();
gantry.commit(manifests({ workload: "Deployment", replicas: 3, version: "start" }), "start");
await gantry.start([
  "--repo",
  gantry.repository,
  "--log-level",
  "warn",
  "--ingress-http",
  "127.0.0.1:0",
]);
const bench = { gantry, client: await gantry.client() };
const results = [];
try {
  for (const scenario of SCENARIOS)
    if (ONLY.length === 0 || ONLY.includes(scenario.name))
      for (const through of ["service", "ingress"] as const)
        for (const keepAlive of [true, false])
          results.push(await run(bench, scenario, through, keepAlive));
} finally {
  await gantry.stop();
}
console.log(
  JSON.stringify({
    bench: "rollout",
    requests: results.reduce((sum, each) => sum + each.requests, 0),
    failed: results.reduce((sum, each) => sum + each.failed, 0),
    scenarios: results,
    cores: cpus().length,
    node: process.version,
  }),
);
