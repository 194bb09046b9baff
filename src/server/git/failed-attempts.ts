/** Slows down who guesses: after some wrong tokens an address has to wait before the next one counts. */
import type { Clock } from "../../client/clock.ts";

/** A person mistypes, a forgotten CI job retries; nobody legitimate is wrong so often in a minute. */
const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
/** Addresses remembered; the oldest is forgotten first. */
const MAX_KEYS = 10_000;

export class FailedAttempts {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this one has to wait; 0: not at all. Milliseconds. */
  waitMs(key: string): number {
    const known = this.#failures.get(key);
    if (known === undefined || known.count < MAX_FAILURES) return 0;
    return Math.max(0, known.sinceMs + WINDOW_MS - this.#clock.now());
  }

  failed(key: string): void {
    const nowMs = this.#clock.now();
    const known = this.#failures.get(key);
    const isOver = known === undefined || nowMs - known.sinceMs >= WINDOW_MS;
    const next = isOver ? { count: 1, sinceMs: nowMs } : { ...known, count: known.count + 1 };
    this.#failures.delete(key);
    this.#failures.set(key, next);
    if (this.#failures.size <= MAX_KEYS) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }
}
