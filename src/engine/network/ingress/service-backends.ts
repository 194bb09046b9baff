/** What stands behind one port of a Service, for the ingress proxy: whom to ask, over which connection. */
import type { Clock } from "../../../client/clock.ts";
import { type Affinity, Balancer } from "../balancer.ts";
import { type Backend, type Backends, backendKey } from "../service-routes.ts";
import type { InFlight } from "../upstream.ts";
import { BackendAgent } from "./backend-agent.ts";

/** A backend that was chosen for one request; it counts as in flight until `release`. */
export interface Lease {
  readonly backend: Backend;
  readonly agent: BackendAgent;
  /** Calling it again does nothing. */
  release(): void;
}

export class ServiceBackends {
  readonly #clock: Clock;
  readonly #inFlight: InFlight;
  readonly #active: Balancer;
  /** Terminating, but still serving: for requests that have waited for an active one in vain. */
  readonly #lastResort: Balancer;
  readonly #agents = new Map<string, BackendAgent>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, inFlight: InFlight) {
    this.#clock = clock;
    this.#inFlight = inFlight;
    this.#active = new Balancer(clock);
    this.#lastResort = new Balancer(clock);
  }

  /** In effect for every request that is not yet on its way when this returns. */
  update({ ready, serving }: Backends, affinity: Affinity | undefined): void {
    this.#active.update(ready, affinity);
    this.#lastResort.update(ready.length > 0 ? [] : serving, undefined);
    const kept = new Set(ready.map(backendKey));
    for (const [key, agent] of this.#agents) {
      if (kept.has(key)) continue;
      agent.retire();
      this.#agents.delete(key);
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
    this.#inFlight.begin(backend);
    balancer.opened(backend);
    let isHeld = true;
    return {
      backend,
      agent: this.#agentOf(backend),
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        balancer.closed(backend);
        this.#inFlight.end(backend);
      },
    };
  }

  #agentOf(backend: Backend): BackendAgent {
    const key = backendKey(backend);
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = new BackendAgent();
      // One that drains gets no connection that outlives its response.
      if (!this.#active.isActive(backend)) agent.retire();
      else this.#agents.set(key, agent);
    }
    return agent;
  }
}
