/** An ingress proxy on free ports before an API server in memory, with backends that tests start. */
import { createServer, type RequestListener, request as httpRequest } from "node:http";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { systemClock } from "../../../../src/client/clock.ts";
import { Informers } from "../../../../src/client/informers.ts";
import { silentLogger } from "../../../../src/client/logger.ts";
import { createApiServer } from "../../../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../../src/engine/apiserver/in-process-client.ts";
import { issueSelfSigned } from "../../../../src/engine/apiserver/pki/certificates.ts";
import { createRoutingBoard } from "../../../../src/engine/network/in-process-board.ts";
import {
  INGRESS_LIMITS,
  type IngressLimits,
} from "../../../../src/engine/network/ingress/ingress-limits.ts";
import {
  createIngressProxy,
  type IngressProxy,
} from "../../../../src/engine/network/ingress/ingress-proxy.ts";
import type { IngressAddress } from "../../../../src/engine/network/ingress/open-listeners.ts";
import { MemoryStore } from "../../../../src/engine/store/memory-store.ts";
import { type EndpointSlice, endpointSlices } from "../../../../src/kube/kinds/endpointslice.ts";
import { type Ingress, ingresses } from "../../../../src/kube/kinds/ingress.ts";
import type { Kind } from "../../../../src/kube/kind.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import type { KubeObject } from "../../../../src/kube/object.ts";
import { type IngressDraft, ingressOf } from "./ingress-objects.ts";

const ANY_PORT: IngressAddress = { host: "127.0.0.1", port: 0, required: false };

export interface FixtureOptions {
  readonly limits?: Partial<IngressLimits>;
  readonly http?: IngressAddress;
  readonly allowedExternal?: readonly string[];
  readonly random?: () => number;
}
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export class IngressFixture {
  readonly client: InProcessClient;
  readonly board = createRoutingBoard();
  readonly events: string[] = [];
  /** What was logged at level debug. */
  readonly accesses: Readonly<Record<string, unknown>>[] = [];
  readonly #informers: Informers;
  readonly #proxy: IngressProxy;
  readonly #apps: Server[] = [];
  readonly #ports = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  private constructor(client: InProcessClient, { limits, http, ...rest }: FixtureOptions) {
    this.client = client;
    this.#informers = new Informers(client);
    this.#proxy = createIngressProxy({
      ...rest,
      client,
      informers: this.#informers,
      board: this.board,
      recorder: {
        record: (about, _type, reason, message) => {
          this.events.push(`${about.metadata.name} ${reason}: ${message}`);
          this.#wake();
        },
        flush: () => Promise.resolve(),
        dropped: 0,
      },
      clock: systemClock,
      logger: { ...silentLogger, debug: (fields) => void this.accesses.push(fields) },
      http: http ?? ANY_PORT,
      https: ANY_PORT,
      defaultCertificate: () => issueSelfSigned("default", ["default.invalid"], Date.now()),
      onListen: (protocol, { port }) => {
        this.#ports.set(protocol, port);
        this.#wake();
      },
      limits: { ...INGRESS_LIMITS, backendWaitMs: 300, ...limits },
      problemGraceMs: 50,
    });
  }

  static async start(options: FixtureOptions = {}): Promise<IngressFixture> {
    const api = createApiServer({ store: new MemoryStore() });
    await bootstrap(api);
    const client = new InProcessClient(api, { name: "admin", groups: ["system:masters"] });
    const fixture = new IngressFixture(client, options);
    fixture.#informers.start();
    await fixture.#informers.synced();
    return fixture;
  }

  stopProxy(): Promise<void> {
    return this.#proxy.stop();
  }
  async stop(): Promise<void> {
    await this.#proxy.stop();
    await this.#informers.stop();
    for (const app of this.#apps) app.close();
  }

  listenRequired(): Promise<void> {
    return this.#proxy.listen();
  }

  /** Starts a backend; its port. */
  async app(listener: RequestListener, prepare?: (server: Server) => void): Promise<number> {
    const app = createServer(listener);
    prepare?.(app);
    return this.listenOn(app);
  }
  async listenOn(app: Server): Promise<number> {
    const sockets = new Set<Socket>();
    app.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    app.once("close", () => undefined);
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    const close = app.close.bind(app);
    app.close = (callback) => {
      for (const socket of sockets) socket.destroy();
      return close(callback);
    };
    this.#apps.push(app);
    return (app.address() as AddressInfo).port;
  }

  /** Ends a backend that listens on this port. */
  async closeApp(port: number): Promise<void> {
    const app = this.#apps.find((one) => (one.address() as AddressInfo | null)?.port === port);
    await new Promise((resolve) => app?.close(resolve));
  }

  /** What was started by other means, such as an HTTP/2 server. */
  own(app: Server): void {
    this.#apps.push(app);
  }

  async service(name: string, ...ports: number[]): Promise<void> {
    await this.serviceOf(name, {}, ...ports);
  }
  async serviceOf(
    name: string,
    { appProtocol }: { readonly appProtocol?: string },
    ...ports: number[]
  ): Promise<void> {
    await this.client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: {
        ports: [
          {
            name: "http",
            port: 80,
            protocol: "TCP",
            ...(appProtocol === undefined ? {} : { appProtocol }),
          },
        ],
      },
    });
    await this.route(
      name,
      ports.map((port) => ({ port })),
    );
  }
  /** Writes the endpoints of a Service and waits until the proxy goes by them. */
  async route(
    service: string,
    endpoints: readonly { readonly port: number; readonly terminating?: boolean }[],
  ): Promise<void> {
    for (const { port, terminating = false } of endpoints) {
      const slice = sliceOf(service, port, terminating);
      const written = await this.#put(slice);
      const revision = Number(written.metadata.resourceVersion);
      const wait = { clock: systemClock, timeoutMs: 5_000 };
      if (!(await this.board.waitApplied(revision, wait)))
        throw new Error("the proxy does not follow");
    }
  }
  /** Ports of a Service's endpoints. */
  async portsOf(service: string): Promise<number[]> {
    const { items } = await this.client.list(endpointSlices, { namespace: "default" });
    return items
      .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service)
      .flatMap(({ ports }) => ports?.map(({ port }) => port ?? 0) ?? []);
  }
  async #put(slice: EndpointSlice): Promise<EndpointSlice> {
    const key = { namespace: "default", name: slice.metadata.name };
    const { items } = await this.client.list(endpointSlices, { namespace: "default" });
    return items.some(({ metadata }) => metadata.name === key.name)
      ? this.client.update(endpointSlices, slice)
      : this.client.create(endpointSlices, slice);
  }

  /** Creates an Ingress and waits until its status says where it is reached. */
  async ingress(draft: IngressDraft): Promise<Ingress> {
    const created = await this.client.create(ingresses, ingressOf(draft));
    return this.published(created.metadata.name);
  }
  async published(name: string): Promise<Ingress> {
    for await (const event of this.client.watch(ingresses, {
      namespace: "default",
      fieldSelector: `metadata.name=${name}`,
      signal: AbortSignal.timeout(5_000),
    })) {
      if (event.type === "BOOKMARK") continue;
      const { spec, status } = event.object;
      const ports = status?.loadBalancer?.ingress?.[0]?.ports?.length ?? 0;
      if (ports === ((spec?.tls ?? []).length > 0 ? 2 : 1)) return event.object;
    }
    throw new Error(`${name} has no address`);
  }

  /** Creates an object and waits until its status is as wanted. */
  async settled<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    isSettled: (object: T) => boolean,
  ): Promise<T> {
    await this.client.create(kind, object);
    return this.until(kind, object.metadata.name, isSettled);
  }
  async until<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    isSettled: (object: T) => boolean,
  ): Promise<T> {
    let last: T | undefined;
    try {
      for await (const event of this.client.watch(kind, {
        ...(kind.namespaced ? { namespace: "default" } : {}),
        fieldSelector: `metadata.name=${name}`,
        signal: AbortSignal.timeout(5_000),
      })) {
        if (event.type === "BOOKMARK") continue;
        last = event.object;
        if (isSettled(last)) return last;
      }
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
    throw new Error(`${name} stays ${JSON.stringify(last)}`);
  }

  port(protocol: "http" | "https" = "http"): number {
    return this.#ports.get(protocol) ?? 0;
  }
  /** Resolves once an Event matches. */
  told(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not told: ${String(pattern)}; but ${this.events.join(" | ")}`)),
        5_000,
      );
      const look = (): void => {
        const found = this.events.find((event) => pattern.test(event));
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
  #wake(): void {
    for (const look of this.#waiting) look();
  }

  get(url: string, options: AskOptions = {}): Promise<Answer> {
    return ask(this.port(), url, options);
  }
  /** Sends bytes as they are; everything that comes back until the connection ends. */
  raw(bytes: string, port = this.port()): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
      let text = "";
      socket.setEncoding("latin1").on("data", (piece: string) => (text += piece));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(text));
      socket.setTimeout(5_000, () => {
        socket.destroy();
        reject(new Error(`the connection stays open after ${JSON.stringify(text)}`));
      });
    });
  }
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** `url` is `host/path`: the host goes into the Host header. */
export function ask(port: number, url: string, options: AskOptions): Promise<Answer> {
  const slash = url.indexOf("/");
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path: url.slice(slash),
        method: options.method ?? "GET",
        headers: { host: url.slice(0, slash), ...options.headers },
        agent: false,
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces).toString(),
          }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

const sliceOf = (service: string, port: number, terminating: boolean): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `${service}-${port}`,
    namespace: "default",
    labels: { "kubernetes.io/service-name": service },
  },
  addressType: "IPv4",
  ports: [{ name: "http", port, protocol: "TCP" }],
  endpoints: [
    { addresses: ["127.0.0.1"], conditions: { ready: !terminating, serving: true, terminating } },
  ],
});
