/**
 * 1,000 Applications of four objects each from one repository: seconds until all are Synced and
 * Healthy after they are created, after a commit that changes all of them, and after one that
 * changes a single folder. Prints one JSON line. Run: `npx esbuild bench/apps.ts --bundle
 * --platform=node --format=esm --packages=external --outfile=dist/bench-apps.mjs &&
 * node dist/bench-apps.mjs [APPLICATIONS]`
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Client } from "../src/client/client.ts";
import { Informer } from "../src/client/informer.ts";
import { openProcessRuntime } from "../src/engine/node/runtime/process/process-runtime.ts";
import { type Application, applications } from "../src/kube/kinds/application.ts";
import { startServer } from "../src/server/server.ts";

const COUNT = Number(process.argv[2] ?? 1_000);
/** Far beyond the bar: something is stuck. */
const GIVE_UP_MS = 300_000;
/** Creations under way at once. */
const CREATORS = 16;

const directory = mkdtempSync(join(tmpdir(), "gantry-bench-apps-"));
const repository = join(directory, "repository");

function folder(index: number, version: number): string {
  const name = `app-${index}`;
  const labels = `{app: ${name}}`;
  return `apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, annotations: {version: "${version}"}}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {version: "${version}"}}
spec:
  selector: ${labels}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 0
  selector: {matchLabels: ${labels}}
  template:
    metadata: {labels: ${labels}}
    spec:
      serviceAccountName: ${name}
      containers:
        - name: web
          image: registry.example.com/${name}:1.${version}
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /healthz, port: http}}
          resources: {requests: {cpu: 100m, memory: 128Mi}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ${name}, annotations: {version: "${version}"}}
spec:
  rules:
    - host: ${name}.example.com
      http:
        paths: [{path: /, pathType: Prefix, backend: {service: {name: ${name}, port: {name: http}}}}]
`;
}

function git(...args: string[]): string {
  const identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
  return execFileSync("git", ["-C", repository, ...identity, ...args], { encoding: "utf8" }).trim();
}
function commit(indexes: readonly number[], version: number): string {
  for (const index of indexes) {
    mkdirSync(join(repository, `apps/app-${index}`), { recursive: true });
    writeFileSync(join(repository, `apps/app-${index}/all.yaml`), folder(index, version));
  }
  git("add", "-A");
  git("commit", "-q", "-m", `version ${version}`);
  return git("rev-parse", "HEAD");
}

async function createApplications(client: Client): Promise<void> {
  const left = everyone.slice();
  const create = async (): Promise<void> => {
    for (let index = left.shift(); index !== undefined; index = left.shift())
      await client.create(applications, {
        apiVersion: "gantry.dev/v1",
        kind: "Application",
        metadata: { name: `app-${index}`, namespace: "default" },
        spec: {
          source: { repoURL: repository, path: `apps/app-${index}` },
          destination: { namespace: "default" },
          syncPolicy: { automated: { prune: true, selfHeal: true } },
        },
      });
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
}

/** Resolves once all Applications are Synced to the revision and Healthy. */
function settled(informer: Informer<Application>, revision: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const good = new Set<string>();
    const see = ({ metadata, status }: Application): void => {
      const isGood =
        status?.sync?.status === "Synced" &&
        status.sync.revision === revision &&
        status.health?.status === "Healthy";
      if (isGood) good.add(metadata.name);
      else good.delete(metadata.name);
      if (good.size < COUNT) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(
      () => reject(new Error(`only ${good.size} of ${COUNT} are Synced and Healthy`)),
      GIVE_UP_MS,
    );
    const stop = informer.onChange(({ object }) => see(object));
    for (const application of informer.list()) see(application);
  });
}

/** Resolves once one Application is Synced to the revision; those that it does not touch need not be. */
function settledAt(informer: Informer<Application>, name: string, revision: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = informer.onChange(({ object: { metadata, status } }) => {
      if (metadata.name !== name || status?.sync?.revision !== revision) return;
      if (status.sync.status !== "Synced") return;
      stop();
      resolve();
    });
  });
}

const secondsSince = (startMs: number): number => Math.round(performance.now() - startMs) / 1_000;
const everyone = Array.from({ length: COUNT }, (_, index) => index);
mkdirSync(repository, { recursive: true });
git("init", "-q", "-b", "main");
const first = commit(everyone, 1);
const abort = new AbortController();
const server = await startServer({
  dataDir: join(directory, "data"),
  api: { host: "127.0.0.1", port: 0 },
  web: { host: "127.0.0.1", port: 0 },
  nodeAddress: "127.0.0.1",
  nodeName: "bench",
  createRuntime: (dataDir) => openProcessRuntime({ podsDirectory: join(dataDir, "pods") }),
  keepPods: false,
  version: "bench",
  logger: pino({ level: process.env["LOG_LEVEL"] ?? "error" }, pino.destination(2)),
});
try {
  const informer = new Informer(server.client, applications);
  const running = informer.run(abort.signal);
  await informer.synced;

  let startMs = performance.now();
  await createApplications(server.client);
  const createSeconds = secondsSince(startMs);
  await settled(informer, first);
  const firstSyncSeconds = secondsSince(startMs);

  const second = commit(everyone, 2);
  startMs = performance.now();
  await settled(informer, second);
  const changeAllSeconds = secondsSince(startMs);

  const third = commit([0], 3);
  const cpu = process.cpuUsage();
  startMs = performance.now();
  await settledAt(informer, "app-0", third);
  const changeOneSeconds = secondsSince(startMs);
  const { user, system } = process.cpuUsage(cpu);

  const figures = {
    bench: "apps",
    applications: COUNT,
    createSeconds,
    firstSyncSeconds,
    changeAllSeconds,
    changeOneSeconds,
    changeOneCpuSeconds: (user + system) / 1e6,
    rssMb: Math.round(process.memoryUsage().rss / 1024 / 1024),
    cores: availableParallelism(),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  abort.abort();
  await running;
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
