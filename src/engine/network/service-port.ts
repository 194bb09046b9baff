/** One port of one Service: its listeners, its balancer and the connections that go through it. */
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../client/clock.ts";
import { type Affinity, Balancer } from "./balancer.ts";
import { type HttpRelay, relayHttp } from "./http-relay.ts";
import { backendKey, type ServiceRoute } from "./service-routes.ts";
import { relayTcp } from "./tcp-relay.ts";
import type { InFlight } from "./upstream.ts";

/** Connections through one listener; more wait in the kernel's queue or are refused. */
const MAX_CONNECTIONS = 10_000;
/** How long a request waits for a backend that takes it before it is answered 503. */
const BACKEND_WAIT_MS = 3_000;

export interface BindAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** An address that could not be bound, with the system's code (`EACCES`, `EADDRINUSE`, …). */
export class BindError extends Error {
  override readonly name = "BindError";
  readonly code: string;
  constructor(address: BindAddress, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${address.host}:${address.port}: ${cause.code ?? cause.message}`, {
      cause,
    });
    this.code = cause.code ?? "";
  }
}

export class ServicePort {
  readonly #balancer: Balancer;
  readonly #lastResort: Balancer;
  readonly #clock: Clock;
  readonly #inFlight: InFlight;
  readonly #servers = new Map<string, Server>();
  readonly #clients = new Set<Socket>();
  readonly #relays = new Set<HttpRelay>();
  readonly #waiting = new Set<() => void>();
  #http = false;

  constructor(clock: Clock, inFlight: InFlight) {
    this.#clock = clock;
    this.#inFlight = inFlight;
    this.#balancer = new Balancer(clock);
    this.#lastResort = new Balancer(clock);
  }

  /** Takes effect at once for new connections and requests. */
  update(route: ServiceRoute, affinity: Affinity | undefined): void {
    this.#http = route.http;
    this.#balancer.update(route.active, affinity);
    this.#lastResort.update(route.lastResort, undefined);
    const active = new Set(route.active.map(backendKey));
    for (const relay of this.#relays) relay.drain((backend) => active.has(backendKey(backend)));
    if (route.active.length > 0) for (const wake of this.#waiting) wake();
  }

  isListening(id: string): boolean {
    return this.#servers.has(id);
  }

  /**
   * Listens on one more address, known as `id` from now on. Resolves to the port bound; to
   * undefined when it was given up before it was bound.
   */
  listen(id: string, address: BindAddress): Promise<number | undefined> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
    server.maxConnections = MAX_CONNECTIONS;
    this.#servers.set(id, server);
    return new Promise((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        this.#servers.delete(id);
        reject(new BindError(address, error));
      });
      // A server that is closed at the wrong moment never says that it listens.
      server.once("close", () => resolve(undefined));
      server.listen(address.port, address.host, 1024, () => {
        if (this.#servers.get(id) !== server) {
          server.close();
          return;
        }
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : address.port);
      });
    });
  }

  unlisten(id: string): void {
    this.#servers.get(id)?.close();
    this.#servers.delete(id);
  }

  get listening(): readonly string[] {
    return [...this.#servers.keys()];
  }

  close(): void {
    for (const id of this.listening) this.unlisten(id);
    for (const wake of this.#waiting) wake();
    for (const client of this.#clients) client.destroy();
  }

  #accept(client: Socket): void {
    this.#clients.add(client);
    client.once("close", () => this.#clients.delete(client));
    if (!this.#http) {
      relayTcp(client, this.#balancer, this.#inFlight).catch(() => client.destroy());
      return;
    }
    const relay = relayHttp(client, {
      balancer: this.#balancer,
      lastResort: this.#lastResort,
      inFlight: this.#inFlight,
      nowMs: () => this.#clock.now(),
      backendWaitMs: BACKEND_WAIT_MS,
      waitForBackend: (timeoutMs) => this.#waitForBackend(timeoutMs),
      onClose: (closed) => this.#relays.delete(closed),
    });
    this.#relays.add(relay);
  }

  #waitForBackend(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#clock.after(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }
}
