/** What stands behind one port of a Service, for the ingress proxy: whom to ask, over which connection. */
import type { Clock } from "../../../client/clock.ts";
import { type Affinity, Balancer } from "../balancer.ts";
import { type Backend, type Backends, backendKey } from "../service-routes.ts";
import type { InFlight } from "../upstream.ts";
import { type AddressPolicy, type Dial, dialName, dialTo } from "./dial.ts";
import type { BackendConnections } from "./exchange.ts";
import { Http1Connections } from "./http1-connections.ts";
import { Http2Connections } from "./http2-connections.ts";
import type { IngressLimits } from "./ingress-limits.ts";

/** A backend that was chosen for one request; it counts as in flight until `release`. */
export interface Lease {
  readonly backend: Backend;
  readonly connections: BackendConnections;
  readonly isHttp2: boolean;
  /** Calling it again does nothing. */
  release(): void;
}

export interface ServiceBackendsOptions {
  readonly clock: Clock;
  readonly inFlight: InFlight;
  readonly limits: IngressLimits;
  /** Where names outside (ExternalName) may lead. */
  readonly isAllowed: AddressPolicy;
}
/** How the backends of a Service's port are spoken to. */
export interface Speech {
  readonly isHttp2: boolean;
  /** Backends are names outside the cluster. */
  readonly isExternal: boolean;
}
const PLAIN: Speech = { isHttp2: false, isExternal: false };

export class ServiceBackends {
  readonly #clock: Clock;
  readonly #options: ServiceBackendsOptions;
  #speech = PLAIN;
  readonly #active: Balancer;
  /** Terminating, but still serving: for requests that have waited for an active one in vain. */
  readonly #lastResort: Balancer;
  readonly #connections = new Map<string, BackendConnections>();
  readonly #waiting = new Set<() => void>();

  constructor(options: ServiceBackendsOptions) {
    const { clock } = options;
    this.#clock = clock;
    this.#options = options;
    this.#active = new Balancer(clock);
    this.#lastResort = new Balancer(clock);
  }

  /** In effect for every request that is not yet on its way when this returns. */
  update(
    { ready, serving }: Backends,
    affinity: Affinity | undefined,
    speech: Speech = PLAIN,
  ): void {
    this.#active.update(ready, affinity);
    this.#lastResort.update(ready.length > 0 ? [] : serving, undefined);
    const isSame =
      speech.isHttp2 === this.#speech.isHttp2 && speech.isExternal === this.#speech.isExternal;
    this.#speech = speech;
    const kept = new Set(isSame ? ready.map(backendKey) : []);
    for (const [key, connections] of this.#connections) {
      if (kept.has(key)) continue;
      connections.retire();
      this.#connections.delete(key);
    }
    if (ready.length > 0) for (const wake of this.#waiting) wake();
  }

  /** Nobody routes here any more: requests under way finish. */
  close(): void {
    this.update({ ready: [], serving: [] }, undefined);
    for (const wake of this.#waiting) wake();
  }

  /** `avoid` holds keys of backends that refused this request's connection. */
  take(client: string, avoid: ReadonlySet<string>): Lease | undefined {
    return this.#lease(this.#active, client, avoid);
  }
  takeLastResort(client: string, avoid: ReadonlySet<string>): Lease | undefined {
    return this.#lease(this.#lastResort, client, avoid);
  }

  /** Resolves when backends have changed and there is one, or after `timeoutMs`. */
  changed(timeoutMs: number): Promise<void> {
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

  #lease(balancer: Balancer, client: string, avoid: ReadonlySet<string>): Lease | undefined {
    const backend = balancer.pick(client, avoid);
    if (backend === undefined) return undefined;
    const { inFlight } = this.#options;
    inFlight.begin(backend);
    balancer.opened(backend);
    let isHeld = true;
    return {
      backend,
      connections: this.#connectionsTo(backend),
      isHttp2: this.#speech.isHttp2,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        balancer.closed(backend);
        inFlight.end(backend);
      },
    };
  }

  #connectionsTo(backend: Backend): BackendConnections {
    const key = backendKey(backend);
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const { clock, limits } = this.#options;
    const options = { dial: this.#dialOf(backend), clock, limits };
    const connections = this.#speech.isHttp2
      ? new Http2Connections(options)
      : new Http1Connections(options);
    // One that drains gets no connection that outlives its response.
    if (!this.#active.isActive(backend)) connections.retire();
    else this.#connections.set(key, connections);
    return connections;
  }

  #dialOf(backend: Backend): Dial {
    return this.#speech.isExternal
      ? dialName(backend.address, backend.port, this.#options.isAllowed)
      : dialTo(backend);
  }
}
