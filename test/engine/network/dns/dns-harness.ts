/** A DNS server over a real API server in memory, and a client that speaks raw DNS to it. */
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { type DecodedPacket, decode, encode, type Packet, type RecordType } from "dns-packet";
import { systemClock } from "../../../../src/client/clock.ts";
import { Informers } from "../../../../src/client/informers.ts";
import { createApiServer } from "../../../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../../src/engine/apiserver/in-process-client.ts";
import {
  type DnsServer,
  type DnsServerOptions,
  startDnsServer,
} from "../../../../src/engine/network/dns/dns-server.ts";
import { FORWARDER_LIMITS } from "../../../../src/engine/network/dns/forwarder.ts";
import { createRoutingBoard } from "../../../../src/engine/network/in-process-board.ts";
import { MemoryStore } from "../../../../src/engine/store/memory-store.ts";
import { endpointSlices } from "../../../../src/kube/kinds/endpointslice.ts";
import { type Pod, pods } from "../../../../src/kube/kinds/pod.ts";
import { type Service, services } from "../../../../src/kube/kinds/service.ts";
import type { Kind } from "../../../../src/kube/kind.ts";
import type { KubeObject } from "../../../../src/kube/object.ts";

export const LOOPBACK = "127.0.0.1";

export interface EndpointSpec {
  readonly ip: string;
  readonly hostname?: string;
  readonly ready?: boolean;
}

export class DnsHarness {
  readonly client: InProcessClient;
  readonly informers: Informers;
  readonly board = createRoutingBoard();
  readonly told: string[] = [];
  #server: DnsServer | undefined;

  private constructor(client: InProcessClient) {
    this.client = client;
    this.informers = new Informers(client);
  }

  static async start(options: Partial<DnsServerOptions> = {}): Promise<DnsHarness> {
    const api = createApiServer({ store: new MemoryStore() });
    await bootstrap(api);
    const harness = new DnsHarness(
      new InProcessClient(api, { name: "admin", groups: ["system:masters"] }),
    );
    harness.informers.start();
    const note = (fields: Readonly<Record<string, unknown>>, message: string): void =>
      void harness.told.push(`${message} ${JSON.stringify(fields)}`);
    harness.#server = await startDnsServer({
      client: harness.client,
      informers: harness.informers,
      board: harness.board,
      clock: systemClock,
      logger: { debug: () => undefined, info: note, warn: note, error: note },
      serviceAddress: "127.96.0.10",
      listen: { host: LOOPBACK, port: 0 },
      ...(options.resolvConf === undefined ? { upstreams: [] } : {}),
      limits: { ...FORWARDER_LIMITS, attemptMs: 200, totalMs: 600 },
      ...options,
    });
    return harness;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await this.informers.stop();
  }

  get server(): DnsServer {
    if (this.#server === undefined) throw new Error("the server is not started");
    return this.#server;
  }
  get port(): number {
    const found = this.server.addresses.find(({ host }) => host === LOOPBACK);
    if (found === undefined) throw new Error("the server does not listen");
    return found.port;
  }
  get resolver(): Resolver {
    const resolver = new Resolver({ timeout: 5_000, tries: 1 });
    resolver.setServers([`${LOOPBACK}:${this.port}`]);
    return resolver;
  }

  /** The object as the informers, and so the server, know it. */
  async create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const created = await this.client.create(kind, object);
    await this.seen(kind, created);
    return created;
  }
  async seen<T extends KubeObject>(kind: Kind<T>, object: T): Promise<void> {
    const informer = this.informers.of(kind);
    const wanted = Number(object.metadata.resourceVersion);
    if (informer.revision >= wanted) return;
    await new Promise<void>((resolve) => {
      const unsubscribe = informer.onChange(() => {
        if (informer.revision < wanted) return;
        queueMicrotask(() => unsubscribe());
        resolve();
      });
    });
  }

  service(
    name: string,
    spec: NonNullable<Service["spec"]>,
    annotations: Record<string, string> = {},
  ): Promise<Service> {
    const metadata = { name, namespace: "default", annotations };
    return this.create(services, { apiVersion: "v1", kind: "Service", metadata, spec });
  }

  slice(
    service: string,
    endpoints: readonly EndpointSpec[],
    ports: readonly { name: string; port: number; protocol?: string }[] = [],
    name = `${service}-1`,
  ) {
    return this.create(endpointSlices, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "default",
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: endpoints[0]?.ip.includes(":") === true ? "IPv6" : "IPv4",
      ports: ports.map((port) => ({ protocol: "TCP", ...port })),
      endpoints: endpoints.map(({ ip, hostname, ready = true }) => ({
        addresses: [ip],
        conditions: { ready },
        ...(hostname === undefined ? {} : { hostname }),
      })),
    });
  }

  async pod(name: string, podIP: string): Promise<void> {
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default" },
      spec: { containers: [{ name: "main", image: "none" }] },
    };
    await this.client.create(pods, pod);
    const key = { namespace: "default", name };
    const body = { status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] } };
    const patched = await this.client.patch(
      pods,
      key,
      { type: "merge", body },
      { subresource: "status" },
    );
    await this.seen(pods, patched);
  }

  /** One question, answered over UDP. */
  async ask(name: string, type: RecordType, extra: Packet = {}): Promise<Answered> {
    const packet = encode({
      type: "query",
      id: 4711,
      flags: 0x100,
      questions: [{ name, type }],
      ...extra,
    });
    return answered(await askUdp(this.port, packet));
  }
  async askTcp(name: string, type: RecordType): Promise<Answered> {
    const query = encode({ type: "query", id: 4711, flags: 0x100, questions: [{ name, type }] });
    return answered(await askTcp(this.port, query));
  }
}

export interface Answered extends DecodedPacket {
  readonly bytes: Buffer;
  readonly rcode: number;
  /** `type data`, in the answer's order. */
  readonly data: readonly string[];
}

export function answered(bytes: Buffer): Answered {
  const packet = decode(bytes);
  const data = (packet.answers ?? []).map((answer) => `${answer.type} ${shown(answer)}`);
  return { ...packet, bytes, rcode: bytes.readUInt16BE(2) & 15, data };
}

function shown(answer: object): string {
  const data: unknown = "data" in answer ? answer.data : "";
  if (typeof data === "string") return data;
  if (Array.isArray(data)) return data.map(String).join(" ");
  if (typeof data === "object" && data !== null && "port" in data && "target" in data)
    return `${String(data.port)} ${String(data.target)}`;
  return JSON.stringify(data);
}

export function askUdp(port: number, packet: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error("no answer"));
    }, 8_000);
    socket.once("message", (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    });
    socket.send(packet, port, LOOPBACK);
  });
}

export function askTcp(port: number, packet: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, LOOPBACK);
    let received = Buffer.alloc(0);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
      socket.destroy();
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(packet.length);
    socket.write(Buffer.concat([length, packet]));
  });
}
