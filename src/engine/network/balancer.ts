/**
 * Chooses the backend of a new connection or request: the one with the fewest under way, in turn
 * among equals; or, with ClientIP affinity, the one the client had before. Why least connections:
 * bench/proxy.ts measures it beside round robin and the better of two at random.
 */
import type { Clock } from "../../client/clock.ts";
import { type Backend, backendKey } from "./service-routes.ts";

/** Clients remembered per port with session affinity; the least recently seen is forgotten first. */
const MAX_AFFINITY_CLIENTS = 10_000;

export interface Affinity {
  /** How long a client keeps its backend after its last connection. Upstream default: 10,800 s. */
  readonly timeoutMs: number;
}

/** A backend with its load. */
export interface Candidate {
  readonly backend: Backend;
  readonly key: string;
  /** Connections or requests under way. */
  open: number;
  /** When it was chosen last, in choices; 0 for never. */
  chosenAt: number;
}
/** Picks one of at least one candidate, none of which is in `avoid`. */
export type Choose = (candidates: readonly Candidate[]) => Candidate | undefined;

/** Fewest under way; among equals the one that has waited longest. */
export const leastConnections: Choose = (candidates) => {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (
      best === undefined ||
      candidate.open < best.open ||
      (candidate.open === best.open && candidate.chosenAt < best.chosenAt)
    )
      best = candidate;
  }
  return best;
};

export class Balancer {
  #candidates: readonly Candidate[] = [];
  #affinity: Affinity | undefined;
  #choices = 0;
  /** Loads outlive routes: a backend that comes back still has its connections. */
  readonly #known = new Map<string, Candidate>();
  readonly #active = new Set<string>();
  readonly #clients = new Map<string, { key: string; seenMs: number }>();
  readonly #clock: Clock;
  readonly #choose: Choose;

  constructor(clock: Clock, choose: Choose = leastConnections) {
    this.#clock = clock;
    this.#choose = choose;
  }

  get size(): number {
    return this.#candidates.length;
  }

  update(active: readonly Backend[], affinity: Affinity | undefined): void {
    this.#affinity = affinity;
    if (affinity === undefined) this.#clients.clear();
    this.#active.clear();
    for (const backend of active) this.#active.add(backendKey(backend));
    this.#candidates = active.map((backend) => this.#candidate(backend));
    for (const [key, { open }] of this.#known)
      if (open === 0 && !this.#active.has(key)) this.#known.delete(key);
  }

  isActive(backend: Backend): boolean {
    return this.#active.has(backendKey(backend));
  }

  /** `avoid` holds keys of backends that just refused a connection. */
  pick(clientAddress: string, avoid: ReadonlySet<string>): Backend | undefined {
    const all = this.#candidates;
    const candidates = avoid.size === 0 ? all : all.filter(({ key }) => !avoid.has(key));
    if (candidates.length === 0) return undefined;
    const remembered = this.#remembered(clientAddress, candidates);
    const chosen = remembered ?? this.#choose(candidates);
    if (chosen === undefined) return undefined;
    chosen.chosenAt = ++this.#choices;
    this.#remember(clientAddress, chosen);
    return chosen.backend;
  }

  opened(backend: Backend): void {
    this.#candidate(backend).open++;
  }
  closed(backend: Backend): void {
    const key = backendKey(backend);
    const candidate = this.#known.get(key);
    if (candidate === undefined || candidate.open === 0) return;
    candidate.open--;
    if (candidate.open === 0 && !this.#active.has(key)) this.#known.delete(key);
  }

  #candidate(backend: Backend): Candidate {
    const key = backendKey(backend);
    let candidate = this.#known.get(key);
    if (candidate === undefined) {
      candidate = { backend, key, open: 0, chosenAt: 0 };
      this.#known.set(key, candidate);
    }
    return candidate;
  }

  #remembered(clientAddress: string, candidates: readonly Candidate[]): Candidate | undefined {
    if (this.#affinity === undefined) return undefined;
    const known = this.#clients.get(clientAddress);
    if (known === undefined || this.#clock.now() - known.seenMs > this.#affinity.timeoutMs)
      return undefined;
    return candidates.find(({ key }) => key === known.key);
  }

  #remember(clientAddress: string, { key }: Candidate): void {
    if (this.#affinity === undefined) return;
    this.#clients.delete(clientAddress);
    this.#clients.set(clientAddress, { key, seenMs: this.#clock.now() });
    if (this.#clients.size <= MAX_AFFINITY_CLIENTS) return;
    for (const oldest of this.#clients.keys()) {
      this.#clients.delete(oldest);
      break;
    }
  }
}
