/**
 * Chooses the backend of a new connection or request: the one with the fewest open connections,
 * in turn among equals; or, with ClientIP affinity, the one the client had before.
 */
import type { Clock } from "../../client/clock.ts";
import { type Backend, backendKey } from "./service-routes.ts";

/** Clients remembered per port with session affinity; the least recently seen is forgotten first. */
const MAX_AFFINITY_CLIENTS = 10_000;

export interface Affinity {
  /** How long a client keeps its backend after its last connection. Upstream default: 10,800 s. */
  readonly timeoutMs: number;
}

export class Balancer {
  #active: readonly Backend[] = [];
  #affinity: Affinity | undefined;
  #turn = 0;
  readonly #open = new Map<string, number>();
  readonly #clients = new Map<string, { backend: string; seenMs: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#active.length;
  }

  update(active: readonly Backend[], affinity: Affinity | undefined): void {
    this.#active = active;
    this.#affinity = affinity;
    if (affinity === undefined) this.#clients.clear();
  }

  isActive(backend: Backend): boolean {
    const key = backendKey(backend);
    return this.#active.some((candidate) => backendKey(candidate) === key);
  }

  /** `avoid` holds keys of backends that just refused a connection. */
  pick(clientAddress: string, avoid: ReadonlySet<string>): Backend | undefined {
    const candidates = this.#active.filter((backend) => !avoid.has(backendKey(backend)));
    if (candidates.length === 0) return undefined;
    const remembered = this.#remembered(clientAddress, candidates);
    const chosen = remembered ?? this.#leastLoaded(candidates);
    if (chosen !== undefined) this.#remember(clientAddress, chosen);
    return chosen;
  }

  opened(backend: Backend): void {
    const key = backendKey(backend);
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
  }
  closed(backend: Backend): void {
    const key = backendKey(backend);
    const left = (this.#open.get(key) ?? 1) - 1;
    if (left > 0) this.#open.set(key, left);
    else this.#open.delete(key);
  }

  #leastLoaded(candidates: readonly Backend[]): Backend | undefined {
    const start = this.#turn++ % candidates.length;
    let best: Backend | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let step = 0; step < candidates.length; step++) {
      const backend = candidates[(start + step) % candidates.length];
      if (backend === undefined) continue;
      const load = this.#open.get(backendKey(backend)) ?? 0;
      if (load < bestLoad) [best, bestLoad] = [backend, load];
    }
    return best;
  }

  #remembered(clientAddress: string, candidates: readonly Backend[]): Backend | undefined {
    if (this.#affinity === undefined) return undefined;
    const known = this.#clients.get(clientAddress);
    if (known === undefined || this.#clock.now() - known.seenMs > this.#affinity.timeoutMs)
      return undefined;
    return candidates.find((backend) => backendKey(backend) === known.backend);
  }

  #remember(clientAddress: string, backend: Backend): void {
    if (this.#affinity === undefined) return;
    this.#clients.delete(clientAddress);
    this.#clients.set(clientAddress, { backend: backendKey(backend), seenMs: this.#clock.now() });
    if (this.#clients.size <= MAX_AFFINITY_CLIENTS) return;
    for (const oldest of this.#clients.keys()) {
      this.#clients.delete(oldest);
      break;
    }
  }
}
