/**
 * Rolling updates under load: an application that exits at once on SIGTERM, no preStop hook. Every
 * request must succeed, with 3 replicas and with 1, with and without keep-alive, through the Service
 * and through an Ingress. Bar: 0 failed.
 */
import { Agent, request } from "node:http";
import { cpus } from "node:os";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { deployments } from "../src/kube/kinds/deployment.ts";
import { services } from "../src/kube/kinds/service.ts";
import { GantryProcess } from "./gantry-process.ts";

const UPDATES = Number(process.env["UPDATES"] ?? 10);
const REQUESTS = Number(process.env["REQUESTS"] ?? 52_000);
const CLIENTS = 16;
/** Of the Ingress. */
const HOST = "app.example.com";

const APP = `
const http = require("node:http");
process.on("SIGTERM", () => process.exit(0));
http.createServer((q, s) => { q.resume(); s.end(process.env.VERSION); }).listen(Number(process.env.PORT));
`;

function manifests(replicas: number, version: string): Record<string, string> {
  return {
    "app.yaml": JSON.stringify({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "app" },
      spec: {
        replicas,
        selector: { matchLabels: { app: "app" } },
        template: {
          metadata: { labels: { app: "app" } },
          spec: {
            containers: [
              {
                name: "app",
                image: "node:22-alpine",
                command: ["node", "-e", APP],
                env: [{ name: "VERSION", value: version }],
                ports: [{ name: "http", containerPort: 8080 }],
                readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    }),
    "service.yaml": JSON.stringify({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "app" },
      spec: { selector: { app: "app" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
    }),
    "ingress.yaml": JSON.stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "app" },
      spec: {
        rules: [
          {
            host: HOST,
            http: {
              paths: [
                {
                  path: "/",
                  pathType: "Prefix",
                  backend: { service: { name: "app", port: { name: "http" } } },
                },
              ],
            },
          },
        ],
      },
    }),
  };
}

/** Where the load goes. */
interface Target {
  readonly through: "service" | "ingress";
  readonly host: string;
  readonly port: number;
}

interface Tally {
  sent: number;
  failed: number;
  readonly errors: Map<string, number>;
  readonly versions: Map<string, number>;
}

function ask({ host, port }: Target, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host, port, agent, path: "/", headers: { host: HOST } };
    const outgoing = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

async function load(
  target: Target,
  keepAlive: boolean,
  tally: Tally,
  running: () => boolean,
): Promise<void> {
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  while (running()) {
    tally.sent++;
    try {
      const version = await ask(target, agent);
      tally.versions.set(version, (tally.versions.get(version) ?? 0) + 1);
    } catch (error) {
      tally.failed++;
      const message = error instanceof Error ? error.message : String(error);
      tally.errors.set(message, (tally.errors.get(message) ?? 0) + 1);
    }
  }
  agent.destroy();
}

/** Resolves when every replica has this version and nothing old is left. */
async function rolledOut(client: HttpClient, version: string): Promise<void> {
  for await (const event of client.watch(deployments, {
    namespace: "default",
    signal: AbortSignal.timeout(120_000),
  })) {
    if (event.type === "BOOKMARK") continue;
    const { spec, status, metadata } = event.object;
    const wanted = spec?.replicas ?? 1;
    const isCurrent = spec?.template.spec?.containers[0]?.env?.[0]?.value === version;
    if (
      isCurrent &&
      status?.observedGeneration === metadata.generation &&
      status?.updatedReplicas === wanted &&
      status.availableReplicas === wanted &&
      status.replicas === wanted
    )
      return;
  }
}

async function targetOf(
  gantry: GantryProcess,
  client: HttpClient,
  through: Target["through"],
): Promise<Target> {
  if (through === "ingress") {
    const { hostname, port } = new URL(gantry.addresses.ingressHttp ?? "");
    return { through, host: hostname, port: Number(port) };
  }
  const { spec } = await client.get(services, { namespace: "default", name: "app" });
  return { through, host: spec?.clusterIP ?? "", port: 80 };
}

async function scenario(
  gantry: GantryProcess,
  client: HttpClient,
  through: Target["through"],
  replicas: number,
  keepAlive: boolean,
) {
  let version = `${through}-${replicas}-${keepAlive}-0`;
  gantry.commit(manifests(replicas, version), version);
  await rolledOut(client, version);
  const target = await targetOf(gantry, client, through);
  const tally: Tally = { sent: 0, failed: 0, errors: new Map(), versions: new Map() };
  let running = true;
  const clients = Array.from({ length: CLIENTS }, () =>
    load(target, keepAlive, tally, () => running),
  );
  const startedMs = performance.now();
  const rollouts: number[] = [];
  for (let update = 1; update <= UPDATES; update++) {
    const wanted = Math.ceil((REQUESTS * update) / UPDATES);
    version = `${through}-${replicas}-${keepAlive}-${update}`;
    gantry.commit(manifests(replicas, version), version);
    const beganMs = performance.now();
    await rolledOut(client, version);
    rollouts.push(performance.now() - beganMs);
    while (tally.sent < wanted) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  running = false;
  await Promise.all(clients);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    through,
    replicas,
    keepAlive,
    requests: tally.sent,
    failed: tally.failed,
    versionsSeen: tally.versions.size,
    requestsPerSecond: Math.round(tally.sent / seconds),
    rolloutSeconds: Number(
      (rollouts.reduce((sum, each) => sum + each, 0) / rollouts.length / 1000).toFixed(2),
    ),
    ...(tally.errors.size === 0 ? {} : { errors: Object.fromEntries(tally.errors) }),
  };
}

const gantry = new GantryProcess();
gantry.commit(manifests(3, "start"), "start");
await gantry.start([
  "--repo",
  gantry.repository,
  "--log-level",
  "warn",
  "--ingress-http",
  "127.0.0.1:0",
]);
const client = await gantry.client();
const scenarios = [];
try {
  for (const through of ["service", "ingress"] as const)
    for (const replicas of [3, 1])
      for (const keepAlive of [true, false])
        scenarios.push(await scenario(gantry, client, through, replicas, keepAlive));
} finally {
  await gantry.stop();
}
console.log(
  JSON.stringify({
    bench: "rollout",
    requests: scenarios.reduce((sum, each) => sum + each.requests, 0),
    failed: scenarios.reduce((sum, each) => sum + each.failed, 0),
    updates: UPDATES * scenarios.length,
    scenarios,
    cores: cpus().length,
    node: process.version,
  }),
);
