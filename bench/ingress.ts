/**
 * Requests through an Ingress and an HTTPRoute of a real `gantry up`, beside direct and beside HAProxy
 * with the same backends; over HTTP/1.1 with keep-alive, with and without TLS. One JSON line per
 * case; needs Debian's `haproxy` and `wrk`. Bar: 0.5 of HAProxy's requests/s.
 *
 *   npm run bench:build && node dist/bench/ingress.js
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { issueSelfSigned } from "../src/engine/apiserver/pki/certificates.ts";
import { endpointSlices } from "../src/kube/kinds/endpointslice.ts";
import { gateways } from "../src/kube/kinds/gateway.ts";
import { httpRoutes } from "../src/kube/kinds/httproute.ts";
import { ingresses } from "../src/kube/kinds/ingress.ts";
import { secrets } from "../src/kube/kinds/secret.ts";
import { services } from "../src/kube/kinds/service.ts";
import { GantryProcess } from "./gantry-process.ts";
import { isInstalled, type Load, wrk } from "./proxy/wrk.ts";

const CONNECTIONS = 32;
const SECONDS = Number(process.env["SECONDS"] ?? 4);
/** Each way is measured this often, in turn; the best counts: others may use the machine, too. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 3);
const PORTS = { haproxy: 19_300, haproxyTls: 19_301, http: 19_302, https: 19_303, gateway: 19_304 };
const META = { name: "bench", namespace: "default" };

interface Workload {
  readonly name: string;
  readonly backendPort: number;
}
/** Answered by HAProxy itself, so that the proxies are what is measured; and by a program as people write it. */
const WORKLOADS: readonly Workload[] = [
  { name: "11 bytes, from a server that costs nothing", backendPort: 19_400 },
  { name: "12 KB, from a server that costs nothing", backendPort: 19_401 },
  { name: "11 bytes, from a Node program", backendPort: 19_402 },
];
const NODE_PROGRAM = `require("node:http").createServer((request, response) => response.end("hello world")).listen(19402, "127.0.0.1")`;

if (!(await isInstalled("haproxy")) || !(await isInstalled("wrk")))
  throw new Error("this benchmark needs haproxy and wrk: apt-get install haproxy wrk");
const directory = mkdtempSync(join(tmpdir(), "gantry-bench-ingress-"));
const { certificate, key } = await issueSelfSigned("bench", ["bench.example"], Date.now());
writeFileSync(join(directory, "both.pem"), certificate + key);
writeFileSync(join(directory, "large"), Buffer.alloc(12 * 1024, "x"));
const gantry = new GantryProcess();
const program = spawn(process.execPath, ["-e", NODE_PROGRAM], { stdio: "ignore" });
const files = spawn("haproxy", ["-f", configFile("servers.cfg", servers())], { stdio: "ignore" });
try {
  await gantry.start([
    "--log-level",
    "warn",
    "--ingress-http",
    `127.0.0.1:${PORTS.http}`,
    "--ingress-https",
    `127.0.0.1:${PORTS.https}`,
  ]);
  const client = await gantry.client();
  for (const workload of WORKLOADS) {
    const proxy = spawn("haproxy", ["-f", configFile("proxy.cfg", proxyTo(workload))], {
      stdio: "ignore",
    });
    await createObjects(client, workload);
    for (const port of [workload.backendPort, ...Object.values(PORTS)]) await untilServed(port);
    for (const line of await measure(workload)) console.log(JSON.stringify(line));
    await deleteObjects(client);
    proxy.kill("SIGKILL");
    await once(proxy, "exit");
  }
} finally {
  await gantry.stop();
  for (const child of [program, files]) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);

async function measure({ name, backendPort }: Workload): Promise<object[]> {
  const ways: Record<string, string> = {
    direct: `http://127.0.0.1:${backendPort}/`,
    haproxy: `http://127.0.0.1:${PORTS.haproxy}/`,
    ingress: `http://127.0.0.1:${PORTS.http}/`,
    httpRoute: `http://127.0.0.1:${PORTS.gateway}/`,
    haproxyTls: `https://127.0.0.1:${PORTS.haproxyTls}/`,
    ingressTls: `https://127.0.0.1:${PORTS.https}/`,
  };
  const best = new Map<string, Load>();
  for (let round = 0; round < ROUNDS; round++)
    for (const [way, url] of Object.entries(ways)) {
      const load = await wrk(url, { connections: CONNECTIONS, seconds: SECONDS });
      const known = best.get(way);
      if (known === undefined || load.requestsPerSecond > known.requestsPerSecond)
        best.set(way, load);
    }
  return [...best].map(([way, load]) => {
    const peer = best.get(way.endsWith("Tls") ? "haproxyTls" : "haproxy");
    return {
      bench: "ingress",
      workload: name,
      way,
      connections: CONNECTIONS,
      ...load,
      ratioToHaproxy: Number((load.requestsPerSecond / (peer?.requestsPerSecond ?? 1)).toFixed(2)),
      cores: cpus().length,
      node: process.version,
    };
  });
}

function configFile(name: string, sections: string): string {
  const file = join(directory, name);
  // As many threads as it likes: its default.
  const common =
    "global\n  maxconn 2000\ndefaults\n  mode http\n  timeout connect 3s\n  timeout client 60s\n  timeout server 60s\n";
  writeFileSync(file, `${common}${sections}\n`);
  return file;
}

function servers(): string {
  return `frontend small
  bind 127.0.0.1:19400
  http-request return status 200 content-type text/plain string "hello world"
frontend large
  bind 127.0.0.1:19401
  http-request return status 200 content-type text/plain file ${join(directory, "large")}`;
}

function proxyTo({ backendPort }: Workload): string {
  return `frontend front
  bind 127.0.0.1:${PORTS.haproxy}
  bind 127.0.0.1:${PORTS.haproxyTls} ssl crt ${join(directory, "both.pem")}
  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend back
backend back
  balance leastconn
  server one 127.0.0.1:${backendPort}`;
}

async function createObjects(client: HttpClient, { backendPort }: Workload): Promise<void> {
  const backend = { service: { name: "bench", port: { number: 80 } } };
  await client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: META,
    spec: { ports: [{ name: "http", port: 80 }] },
  });
  await client.create(endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...META, labels: { "kubernetes.io/service-name": "bench" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: backendPort, protocol: "TCP" }],
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
  });
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: META,
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": Buffer.from(certificate).toString("base64"),
      "tls.key": Buffer.from(key).toString("base64"),
    },
  });
  await client.create(ingresses, {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: META,
    spec: { tls: [{ secretName: "bench" }], defaultBackend: backend },
  });
  await client.create(gateways, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: META,
    spec: {
      gatewayClassName: "gantry",
      listeners: [{ name: "http", port: PORTS.gateway, protocol: "HTTP" }],
    },
  });
  await client.create(httpRoutes, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: META,
    spec: {
      parentRefs: [{ name: "bench" }],
      rules: [{ backendRefs: [{ name: "bench", port: 80 }] }],
    },
  });
}

async function deleteObjects(client: HttpClient): Promise<void> {
  await client.delete(httpRoutes, META);
  await client.delete(gateways, META);
  await client.delete(ingresses, META);
  await client.delete(secrets, META);
  await client.delete(endpointSlices, META);
  await client.delete(services, META);
}

/** Resolves once somebody answers 200 there. */
async function untilServed(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const isTls = port === PORTS.https || port === PORTS.haproxyTls;
    const first = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () =>
        isTls
          ? resolve("HTTP/1.1 200")
          : socket.write("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"),
      );
      socket.once("data", (bytes) => resolve(bytes.toString("latin1")));
      socket.on("error", () => resolve(""));
      socket.once("close", () => resolve(""));
      setTimeout(() => socket.destroy(), 1_000);
    });
    if (first.startsWith("HTTP/1.1 200")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody answers on 127.0.0.1:${port}`);
}
