/**
 * Keys that want reconciling. A key is in the queue at most once however often it was added, and is
 * never given to two workers at a time: added while being processed, it comes back after `done`.
 */
import { type Backoff, backoffDelay } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";

export interface WorkQueueOptions {
  readonly clock?: Clock;
  /** Of one key that keeps failing. @default 5 ms doubling to 1000 s, as upstream's controllers */
  readonly backoff?: Backoff;
  /** @default 1,000,000 */
  readonly maxKeys?: number;
}

const DEFAULT_BACKOFF: Backoff = { initialMs: 5, maxMs: 1_000_000 };
/** Keys are bounded by the number of objects; beyond this something adds keys that are no objects. */
const DEFAULT_MAX_KEYS = 1_000_000;

/** Timers of Node.js fire at once beyond 24.8 days. A key that comes back early is looked at in vain. */
const MAX_DELAY_MS = 24 * 3_600_000;

/** The queue holds its maximum of distinct keys, so that a key would have been lost. */
export class WorkQueueFullError extends Error {
  override readonly name = "WorkQueueFullError";
}

interface Waiting {
  readonly dueMs: number;
  readonly cancel: () => void;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #maxKeys: number;
  /** In order of arrival; a Set keeps insertion order. */
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added again while processing. */
  readonly #again = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
  }

  /** Keys that a worker could take now. */
  get length(): number {
    return this.#ready.size;
  }
  /** Keys that workers hold. */
  get processing(): number {
    return this.#processing.size;
  }
  /** Keys whose time has not come. */
  get delayed(): number {
    return this.#waiting.size;
  }
  get isClosed(): boolean {
    return this.#closed;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      this.#processing.add(key);
      taker(key);
      return;
    }
    this.#requireRoom();
    this.#ready.add(key);
  }

  /** Adds later. Of several delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.now() + delayMs;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && waiting.dueMs <= dueMs) return;
    waiting?.cancel();
    if (waiting === undefined) this.#requireRoom();
    const cancel = this.#clock.after(Math.min(delayMs, MAX_DELAY_MS), () => {
      this.#waiting.delete(key);
      this.add(key);
    });
    this.#waiting.set(key, { dueMs, cancel });
  }

  /** Adds after the back-off of this key, which grows until `forget`. Returns the delay in ms. */
  addAfterFailure(key: string): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    const delayMs = backoffDelay(this.#backoff, failures);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** How often the key failed since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Resets the back-off of a key that succeeded or was given up. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, now the caller's own until `done`; undefined once the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    for (const key of this.#ready) {
      this.#ready.delete(key);
      this.#processing.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops what waits, releases idle workers and refuses further keys. Held keys stay their workers'. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#failures.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #requireRoom(): void {
    if (this.#ready.size + this.#waiting.size < this.#maxKeys) return;
    throw new WorkQueueFullError(
      `the work queue holds its maximum of ${this.#maxKeys} keys: raise maxKeys, or find out who adds keys that are no objects`,
    );
  }
}
