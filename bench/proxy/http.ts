/** Requests through a Service of a real `gantry up`, beside direct and beside HAProxy. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpClient } from "../../src/client/http/http-client.ts";
import { endpointSlices } from "../../src/kube/kinds/endpointslice.ts";
import { services } from "../../src/kube/kinds/service.ts";
import { GantryProcess } from "../gantry-process.ts";
import { isInstalled, type Load, wrk } from "./wrk.ts";

const CONNECTIONS = 32;
const SECONDS = 5;
/** Each way is measured this often, in turn; the best counts: others use the machine, too. */
const ROUNDS = 3;
const FRONT_PORT = 19_200;

interface Workload {
  readonly name: string;
  readonly backendPort: number;
}
/** Answered by HAProxy itself, so that the proxies are what is measured; and by programs as people write them. */
const WORKLOADS: readonly Workload[] = [
  { name: "11 bytes, from a server that costs nothing", backendPort: 19_100 },
  { name: "12 KB, from a server that costs nothing", backendPort: 19_101 },
  { name: "11 bytes, from a Node program", backendPort: 19_102 },
];
const NODE_PROGRAM = `require("node:http").createServer((request, response) => response.end("hello world")).listen(19102, "127.0.0.1")`;

export async function benchHttp(): Promise<object[]> {
  if (!(await isInstalled("haproxy")) || !(await isInstalled("wrk")))
    throw new Error("this part needs haproxy and wrk: apt-get install haproxy wrk");
  const directory = mkdtempSync(join(tmpdir(), "gantry-bench-proxy-"));
  writeFileSync(join(directory, "large"), Buffer.alloc(12 * 1024, "x"));
  const config = join(directory, "haproxy.cfg");
  writeFileSync(config, haproxyConfig(join(directory, "large")));
  const haproxy = spawn("haproxy", ["-f", config], { stdio: "ignore" });
  const program = spawn(process.execPath, ["-e", NODE_PROGRAM], { stdio: "ignore" });
  const gantry = new GantryProcess();
  try {
    await gantry.start(["--log-level", "warn"]);
    const client = await gantry.client();
    const lines: object[] = [];
    for (const [index, workload] of WORKLOADS.entries()) {
      const service = await createService(client, `bench-${index}`, workload.backendPort);
      await untilOpen("127.0.0.1", workload.backendPort);
      await untilOpen("127.0.0.1", FRONT_PORT + index);
      await untilOpen(service, 80);
      const found = await measure({
        direct: `http://127.0.0.1:${workload.backendPort}/`,
        haproxy: `http://127.0.0.1:${FRONT_PORT + index}/`,
        service: `http://${service}/`,
      });
      lines.push({
        bench: "proxy",
        part: "http",
        workload: workload.name,
        connections: CONNECTIONS,
        ...found,
        ratioToHaproxy: ratio(found["service"], found["haproxy"]),
        cores: cpus().length,
        node: process.version,
      });
    }
    return lines;
  } finally {
    await gantry.stop();
    for (const child of [haproxy, program]) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(urls: Readonly<Record<string, string>>): Promise<Record<string, Load>> {
  const best: Record<string, Load> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [way, url] of Object.entries(urls)) {
      const load = await wrk(url, { connections: CONNECTIONS, seconds: SECONDS });
      const known = best[way];
      if (known === undefined || load.requestsPerSecond > known.requestsPerSecond) best[way] = load;
    }
  return best;
}

function ratio(a: Load | undefined, b: Load | undefined): number {
  return Number(((a?.requestsPerSecond ?? 0) / (b?.requestsPerSecond ?? 1)).toFixed(2));
}

/** As many threads as it likes: its default. */
function haproxyConfig(large: string): string {
  const backend = WORKLOADS.map(
    ({ backendPort }, index) => `
frontend front-${index}
  bind 127.0.0.1:${FRONT_PORT + index}
  default_backend back-${index}
backend back-${index}
  balance leastconn
  server one 127.0.0.1:${backendPort}`,
  );
  return `global
  maxconn 2000
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend small
  bind 127.0.0.1:19100
  http-request return status 200 content-type text/plain string "hello world"
frontend large
  bind 127.0.0.1:19101
  http-request return status 200 content-type text/plain file ${large}
${backend.join("\n")}
`;
}

/** A Service without a selector, with one endpoint on this machine. Resolves to its address. */
async function createService(client: HttpClient, name: string, port: number): Promise<string> {
  const metadata = { name, namespace: "default" };
  const { spec } = await client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { ports: [{ name: "http", port: 80 }] },
  });
  await client.create(endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ name: "http", port, protocol: "TCP" }],
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
  });
  return spec?.clusterIP ?? "";
}

async function untilOpen(host: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody listens on ${host}:${port}`);
}
