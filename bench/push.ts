/**
 * From `git push` until the new pod serves, in a repository of 1,000 manifests: 50 pushes that
 * change one Deployment's image. Bar: p50 at most 1 s above the application's own start.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { services } from "../src/kube/kinds/service.ts";
import { GantryProcess, percentile } from "./gantry-process.ts";

const MANIFESTS = 1_000;
const PUSHES = Number(process.env["PUSHES"] ?? 50);
const POLL_MS = 5;

const APP = `
const http = require("node:http");
const server = http.createServer((q, s) => { q.resume(); s.end(process.env.VERSION); });
server.listen(Number(process.env.PORT));
process.on("SIGTERM", () => process.exit(0));
`;

function deployment(version: number): string {
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "app" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "app" } },
      template: {
        metadata: { labels: { app: "app" } },
        spec: {
          containers: [
            {
              name: "app",
              image: `registry.example.com/app:${version}`,
              command: ["node", "-e", APP],
              env: [{ name: "VERSION", value: String(version) }],
              ports: [{ name: "http", containerPort: 8080 }],
              readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });
}

async function version(url: string): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch {
    // Not there yet.
    return "";
  }
}

async function until(url: string, wanted: string): Promise<void> {
  while ((await version(url)) !== wanted) await pause(POLL_MS);
}

/** What the program itself takes from its start to its first answer. */
async function ownStartMs(): Promise<number> {
  const samples: number[] = [];
  for (let run = 0; run < 7; run++) {
    const port = 20_000 + run;
    const startedMs = performance.now();
    const child = spawn("node", ["-e", APP], {
      env: { ...process.env, PORT: String(port), VERSION: "own" },
    });
    await until(`http://127.0.0.1:${port}/`, "own");
    samples.push(performance.now() - startedMs);
    child.kill("SIGKILL");
  }
  return percentile(samples, 0.5);
}

const appStartMs = await ownStartMs();
const gantry = new GantryProcess();
const files: Record<string, string> = {
  "app/deployment.yaml": deployment(0),
  "app/service.yaml": JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "app" },
    spec: { selector: { app: "app" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  }),
};
for (let index = 0; index < MANIFESTS - 2; index++)
  files[`config/${index % 50}/c${index}.yaml`] = `apiVersion: v1
kind: ConfigMap
metadata:
  name: c${index}
data:
  key: value ${index}
`;
gantry.commit(files, "start");
const bare = join(gantry.directory, "origin.git");
execFileSync("git", ["clone", "-q", "--bare", gantry.repository, bare]);
gantry.git("remote", "add", "origin", bare);
await gantry.start(["--repo", bare, "--log-level", "warn"]);
const samplesMs: number[] = [];
try {
  const client = await gantry.client();
  let host: string | undefined;
  while (host === undefined) {
    const found = (await client.list(services, { namespace: "default" })).items.find(
      ({ metadata }) => metadata.name === "app",
    );
    host = found?.spec?.clusterIP;
    await pause(50);
  }
  const url = `http://${host}:80/`;
  await until(url, "0");
  for (let push = 1; push <= PUSHES; push++) {
    gantry.commit({ "app/deployment.yaml": deployment(push) }, `version ${push}`);
    const startedMs = performance.now();
    gantry.git("push", "-q", "origin", "main");
    await until(url, String(push));
    samplesMs.push(performance.now() - startedMs);
    await pause(200);
  }
} finally {
  await gantry.stop();
}
const p50 = percentile(samplesMs, 0.5);
console.log(
  JSON.stringify({
    bench: "push",
    manifests: MANIFESTS,
    pushes: PUSHES,
    p50Ms: Math.round(p50),
    p99Ms: Math.round(percentile(samplesMs, 0.99)),
    appStartMs: Math.round(appStartMs),
    aboveAppStartP50Ms: Math.round(p50 - appStartMs),
    cores: cpus().length,
    node: process.version,
  }),
);
