import type { Clock } from "../src/client/clock.ts";

/** A clock that moves only when told: timers fire in order of their due time. */
export class ManualClock implements Clock {
  #nowMs: number;
  #timers: { dueMs: number; sequence: number; callback: () => void }[] = [];
  #sequence = 0;

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }
  now(): number {
    return this.#nowMs;
  }
  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, sequence: this.#sequence++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  /** Time passes unnoticed, as for a process that was suspended: timers fire late, with the next advance. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }
  /** Moves time forward, firing what is due, and lets promise callbacks run after each timer. */
  async advance(byMs: number): Promise<void> {
    const targetMs = this.#nowMs + byMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#timers
        .filter((timer) => timer.dueMs <= targetMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = targetMs;
    await new Promise((resolve) => setImmediate(resolve));
  }
  get pending(): number {
    return this.#timers.length;
  }
}
