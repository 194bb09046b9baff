/** One TCP port of one Service: its listeners, its balancers and the connections that go through it. */
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../client/clock.ts";
import { type Affinity, Balancer, type Choose } from "./balancer.ts";
import { type BindAddress, BindError } from "./bind-address.ts";
import type { ConnectionBudget } from "./connection-budget.ts";
import { type HttpRelay, relayHttp } from "./http-relay.ts";
import { EXPIRY_INTERVAL_MS } from "./http-relay-limits.ts";
import type { ListenOptions, ServicePort } from "./service-port.ts";
import type { Backend, Destinations, ServiceRoute } from "./service-routes.ts";
import { drained } from "./drained.ts";
import { relayTcp } from "./tcp-relay.ts";
import type { InFlight } from "./upstream.ts";
import { UpstreamPool } from "./upstream-pool.ts";

/** How long a request waits for a backend that takes it before it is answered 503. */
const BACKEND_WAIT_MS = 3_000;
/** Connections that the kernel completes before they are accepted. */
const BACKLOG = 1_024;

export interface TcpPortOptions {
  readonly clock: Clock;
  readonly inFlight: InFlight;
  readonly budget: ConnectionBudget;
  /** Told when connections are turned away for lack of room. */
  readonly onFull?: () => void;
  /** How backends are chosen. @default least connections */
  readonly choose?: Choose;
}

/** The balancers of clients inside the cluster, or of those outside. */
class Audience {
  readonly active: Balancer;
  readonly lastResort: Balancer;
  constructor({ clock, choose }: TcpPortOptions) {
    this.active = new Balancer(clock, choose);
    this.lastResort = new Balancer(clock, choose);
  }
  update({ active, lastResort }: Destinations, affinity: Affinity | undefined): void {
    this.active.update(active, affinity);
    this.lastResort.update(lastResort, undefined);
  }
}

export class TcpPort implements ServicePort {
  readonly #options: TcpPortOptions;
  readonly #internal: Audience;
  /** The same as `#internal` while both have the same destinations: their loads count together. */
  #external: Audience;
  readonly #pool = new UpstreamPool();
  readonly #servers = new Map<string, Server>();
  readonly #clients = new Set<Socket>();
  readonly #relays = new Set<HttpRelay>();
  readonly #waiting = new Set<() => void>();
  #cancelExpiry: (() => void) | undefined;
  #http = false;
  #closed = false;

  constructor(options: TcpPortOptions) {
    this.#options = options;
    this.#internal = new Audience(options);
    this.#external = this.#internal;
  }

  update(route: ServiceRoute, affinity: Affinity | undefined): void {
    this.#http = route.http;
    this.#internal.update(route.internal, affinity);
    if (route.external === route.internal) this.#external = this.#internal;
    else {
      if (this.#external === this.#internal) this.#external = new Audience(this.#options);
      this.#external.update(route.external, affinity);
    }
    this.#pool.retain((backend) => this.#isActive(backend));
    if (this.#internal.active.size > 0 || this.#external.active.size > 0)
      for (const wake of this.#waiting) wake();
  }

  get listening(): readonly string[] {
    return [...this.#servers.keys()];
  }
  isListening(id: string): boolean {
    return this.#servers.has(id);
  }

  listen(id: string, address: BindAddress, options: ListenOptions): Promise<number | undefined> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client, options),
    );
    server.maxConnections = this.#options.budget.perPort;
    server.on("drop", () => this.#options.onFull?.());
    this.#servers.set(id, server);
    return new Promise((resolve, reject) => {
      // Stays: later errors concern connections that cannot be accepted, e.g. for want of descriptors.
      server.on("error", (error: NodeJS.ErrnoException) => {
        if (server.listening) return;
        this.#servers.delete(id);
        reject(new BindError(address, error));
      });
      // A server that is closed at the wrong moment never says that it listens.
      server.once("close", () => resolve(undefined));
      server.listen(address.port, address.host, BACKLOG, () => {
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

  async drain(): Promise<void> {
    for (const id of this.listening) this.unlisten(id);
    for (const relay of this.#relays) relay.drain();
    await drained(
      () => this.#relays.size === 0,
      () => [...this.#relays].every((relay) => relay.isIdle),
    );
  }

  close(): void {
    this.#closed = true;
    this.#cancelExpiry?.();
    for (const id of this.listening) this.unlisten(id);
    for (const wake of this.#waiting) wake();
    for (const client of this.#clients) client.destroy();
    this.#pool.close();
  }

  #isActive(backend: Backend): boolean {
    return this.#internal.active.isActive(backend) || this.#external.active.isActive(backend);
  }

  #accept(client: Socket, { audience, sources }: ListenOptions): void {
    if (sources?.allows(client.remoteAddress ?? "") === false) {
      client.resetAndDestroy();
      return;
    }
    const { budget, clock, inFlight } = this.#options;
    if (!budget.take()) {
      this.#options.onFull?.();
      client.resetAndDestroy();
      return;
    }
    this.#clients.add(client);
    client.once("close", () => {
      this.#clients.delete(client);
      budget.release();
    });
    // Looked up for each request: policies change while connections last.
    const current = (): Audience => (audience === "internal" ? this.#internal : this.#external);
    if (!this.#http) {
      relayTcp(client, current().active, inFlight).catch(() => client.destroy());
      return;
    }
    const relay = relayHttp(client, {
      balancer: () => current().active,
      lastResort: () => current().lastResort,
      pool: this.#pool,
      inFlight,
      nowMs: () => clock.now(),
      backendWaitMs: BACKEND_WAIT_MS,
      waitForBackend: (timeoutMs) => this.#waitForBackend(timeoutMs),
      onClose: (closed) => this.#relays.delete(closed),
    });
    this.#relays.add(relay);
    this.#expireLater();
  }

  /** One timer for all connections: one for each would cost more than the requests. */
  #expireLater(): void {
    if (this.#closed) return;
    this.#cancelExpiry ??= this.#options.clock.after(EXPIRY_INTERVAL_MS, () => {
      this.#cancelExpiry = undefined;
      const nowMs = this.#options.clock.now();
      for (const relay of this.#relays) relay.expire(nowMs);
      this.#pool.expire(nowMs);
      if (this.#relays.size > 0 || this.#pool.size > 0) this.#expireLater();
    });
  }

  #waitForBackend(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#options.clock.after(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }
}
