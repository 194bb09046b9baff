/** Ends connections on which nothing passes for hours: their clients went away unnoticed. */
import type { Clock } from "../../../client/clock.ts";

/** Upstream's number (`--streaming-connection-idle-timeout`). */
export const STREAM_IDLE_MS = 4 * 60 * 60 * 1000;

export class IdleTimer {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onIdle: () => void;
  #lastMs: number;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, timeoutMs: number, onIdle: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onIdle = onIdle;
    this.#lastMs = clock.now();
    this.#wait();
  }

  /** Something passed. Costs nothing: the timer looks when it is due. */
  touch(): void {
    this.#lastMs = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  #wait(): void {
    const leftMs = this.#lastMs + this.#timeoutMs - this.#clock.now();
    if (leftMs <= 0) this.#onIdle();
    else this.#cancel = this.#clock.after(leftMs, () => this.#wait());
  }
}
