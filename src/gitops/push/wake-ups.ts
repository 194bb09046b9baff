/** Tells a follower that it is worth looking again: something that it watches has changed. */
import type { Client, WatchOptions } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Resource } from "../../kube/kind.ts";
import { StatusError } from "../../kube/status-error.ts";

/** Changes that come together are looked at together. */
const SETTLE_MS = 50;
/** What nothing announces, such as the pods of a workload, is looked at so often. */
const TICK_MS = 1_000;
/** Before a watch that ended is begun again. */
const PAUSE_MS = 1_000;

export interface Watched {
  readonly resource: Resource;
  readonly options: Pick<WatchOptions, "namespace" | "labelSelector" | "fieldSelector">;
}

export class WakeUps {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>[];
  #wake: () => void = () => undefined;
  #isAwake = true;

  constructor(client: Pick<Client, "watch">, clock: Clock, watched: readonly Watched[]) {
    this.#clock = clock;
    this.#watching = watched.map((each) => this.#watch(client, each));
  }

  /** Resolves when something changed since the last call, or after a while. @throws when aborted */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#isAwake) {
      const woken = new AbortController();
      const given = AbortSignal.any([woken.signal, signal]);
      this.#wake = () => woken.abort();
      await sleep(this.#clock, TICK_MS, given).catch(() => undefined);
      this.#wake = () => undefined;
    }
    signal.throwIfAborted();
    await sleep(this.#clock, SETTLE_MS, signal);
    this.#isAwake = false;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("nobody follows any more"));
    await Promise.all(this.#watching);
  }

  async #watch(client: Pick<Client, "watch">, { resource, options }: Watched): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const event of client.watch(resource, { ...options, signal }))
          if (event.type !== "BOOKMARK") this.#changed();
      } catch (error) {
        if (!signal.aborted && !(error instanceof StatusError)) throw error;
      }
      await sleep(this.#clock, PAUSE_MS, signal).catch(() => undefined);
    }
  }

  #changed(): void {
    this.#isAwake = true;
    this.#wake();
  }
}
