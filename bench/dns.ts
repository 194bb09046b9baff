/**
 * Questions to the DNS server of `gantry up` from another process: names of Services, headless
 * Services and SRV, names that the search path makes up, and remembered names of elsewhere.
 * Bar: ≥ 10,000 queries/s, p99 ≤ 5 ms.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { cpus } from "node:os";
import { decode, encode, type RecordType } from "dns-packet";
import { endpointSlices } from "../src/kube/kinds/endpointslice.ts";
import { services } from "../src/kube/kinds/service.ts";
import { GantryProcess, percentile } from "./gantry-process.ts";

const SERVICES = 500;
const ENDPOINTS = 10;
const QUERIES = 200_000;
const WARM_UP = 5_000;
const SOCKETS = 4;
/** Questions under way at one time, over all sockets. */
const IN_FLIGHT = 32;
const NEGATIVE = 3;

const upstream = createSocket("udp4");
upstream.bind(0, "127.0.0.1");
await once(upstream, "listening");
upstream.on("message", (packet, from) => {
  const { id, questions = [] } = decode(packet);
  const name = questions[0]?.name ?? "";
  const answers = [{ name, type: "A", ttl: 300, data: "192.0.2.1" } as const];
  const answer = encode({
    type: "response",
    ...(id === undefined ? {} : { id }),
    questions,
    answers,
  });
  upstream.send(answer, from.port, from.address);
});

const gantry = new GantryProcess();
await gantry.start([
  "--log-level",
  "warn",
  "--dns-listen",
  "127.0.0.1:0",
  "--dns-upstream",
  `127.0.0.1:${upstream.address().port}`,
]);
const names = await populate();
const { dns = "" } = gantry.addresses;
const [host = "", port = ""] = dns.split(":");
await ask(names.map(packetOf), host, Number(port), WARM_UP);
const rssMb = gantry.rssMb();
const { seconds, latenciesMs, wrong } = await ask(names.map(packetOf), host, Number(port), QUERIES);
console.log(
  JSON.stringify({
    bench: "dns",
    queriesPerSecond: Math.round(QUERIES / seconds),
    p50Ms: round(percentile(latenciesMs, 0.5)),
    p99Ms: round(percentile(latenciesMs, 0.99)),
    maxMs: round(Math.max(...latenciesMs.slice(-QUERIES / 2))),
    wrong,
    queries: QUERIES,
    inFlight: IN_FLIGHT,
    services: SERVICES,
    rssMb,
    cores: cpus().length,
    node: process.version,
  }),
);
await gantry.stop();
upstream.close();

interface Question {
  readonly name: string;
  readonly type: RecordType;
  readonly rcode: number;
}

function packetOf({ name, type, rcode }: Question): { packet: Buffer; rcode: number } {
  const packet = encode({ type: "query", id: 0, flags: 0x100, questions: [{ name, type }] });
  return { packet, rcode };
}

/** Services, every fifth of them headless, and what is asked of them. */
async function populate(): Promise<Question[]> {
  const client = await gantry.client();
  const questions: Question[] = [];
  for (let index = 0; index < SERVICES; index++) {
    const name = `svc-${index}`;
    const metadata = { name, namespace: "default" };
    const isHeadless = index % 5 === 0;
    await client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        ...(isHeadless ? { clusterIP: "None" } : {}),
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
    });
    if (isHeadless)
      await client.create(endpointSlices, {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
        addressType: "IPv4",
        endpoints: Array.from({ length: ENDPOINTS }, (_, endpoint) => ({
          addresses: [`10.${index >> 8}.${index & 255}.${endpoint}`],
          conditions: { ready: true },
        })),
        ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      });
    const domain = `${name}.default.svc.cluster.local`;
    questions.push(
      { name: domain, type: "A", rcode: 0 },
      { name: domain, type: "AAAA", rcode: 0 },
      { name: `_http._tcp.${domain}`, type: "SRV", rcode: 0 },
      { name: `www${index}.example.com.default.svc.cluster.local`, type: "A", rcode: NEGATIVE },
      { name: `www${index % 50}.example.com`, type: "A", rcode: 0 },
    );
  }
  return questions;
}

/** Keeps as many questions under way as may be, until so many are answered. */
async function ask(
  questions: readonly { readonly packet: Buffer; readonly rcode: number }[],
  address: string,
  toPort: number,
  total: number,
): Promise<{ seconds: number; latenciesMs: number[]; wrong: number }> {
  const latenciesMs: number[] = [];
  let [sent, wrong] = [0, 0];
  const startedMs = performance.now();
  const each = IN_FLIGHT / SOCKETS;
  const runs = Array.from({ length: SOCKETS }, async (_unused, number) => {
    const socket: Socket = createSocket({
      type: "udp4",
      lookup: (name, _options, done) => done(null, name, 4),
    });
    const waiting = new Map<number, { sinceMs: number; rcode: number }>();
    let id = number;
    const next = (): boolean => {
      if (sent >= total) return waiting.size > 0;
      const { packet, rcode } = questions[(sent * 7919) % questions.length] ?? {
        packet: Buffer.alloc(0),
        rcode: 0,
      };
      sent += 1;
      id = (id + 1) & 0xffff;
      const query = Buffer.from(packet);
      query.writeUInt16BE(id, 0);
      waiting.set(id, { sinceMs: performance.now(), rcode });
      socket.send(query, toPort, address);
      return true;
    };
    await new Promise<void>((resolve) => {
      socket.on("message", (answer) => {
        const asked = waiting.get(answer.readUInt16BE(0));
        if (asked === undefined) return;
        waiting.delete(answer.readUInt16BE(0));
        latenciesMs.push(performance.now() - asked.sinceMs);
        if ((answer.readUInt16BE(2) & 15) !== asked.rcode) wrong += 1;
        if (!next()) resolve();
      });
      for (let first = 0; first < each; first++) next();
    });
    socket.close();
  });
  await Promise.all(runs);
  return { seconds: (performance.now() - startedMs) / 1000, latenciesMs, wrong };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
