/** One timer for all the reasons to look again later: the earliest counts. */
import type { Clock } from "../../../client/clock.ts";

export class WakeTimer {
  readonly #clock: Clock;
  readonly #onWake: () => void;
  #dueMs = Infinity;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, onWake: () => void) {
    this.#clock = clock;
    this.#onWake = onWake;
  }

  wakeAfter(delayMs: number): void {
    const dueMs = this.#clock.now() + delayMs;
    if (dueMs >= this.#dueMs) return;
    this.cancel();
    this.#dueMs = dueMs;
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      this.#onWake();
    });
  }

  cancel(): void {
    this.#cancel();
    this.#dueMs = Infinity;
  }
}
