/** How often each Receiver may be called: a burst, then once a second. */
import type { Clock } from "../../client/clock.ts";

/** A push of many tags sends so many events. */
const BURST = 60;
const REFILL_MS = 1_000;
/** Receivers remembered; the least recently called is forgotten first. */
const MAX_KEYS = 1_000;

export class RequestBudget {
  readonly #clock: Clock;
  readonly #budgets = new Map<string, { tokens: number; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when there is nothing left to spend. */
  spend(key: string): boolean {
    const nowMs = this.#clock.now();
    const budget = this.#budgets.get(key) ?? { tokens: BURST, atMs: nowMs };
    budget.tokens = Math.min(BURST, budget.tokens + Math.max(0, nowMs - budget.atMs) / REFILL_MS);
    budget.atMs = nowMs;
    this.#budgets.delete(key);
    this.#budgets.set(key, budget);
    if (this.#budgets.size > MAX_KEYS)
      for (const oldest of this.#budgets.keys()) {
        this.#budgets.delete(oldest);
        break;
      }
    if (budget.tokens < 1) return false;
    budget.tokens--;
    return true;
  }
}
