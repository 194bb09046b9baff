/**
 * Makes one of many: what is asked for again while it has just been done is done once more a little
 * later, however often it is asked for. So neither a busy repository nor a replayed request can make
 * more work than one look a second.
 */
import type { Clock } from "../../client/clock.ts";

const INTERVAL_MS = 1_000;
/** Things asked for within one interval. Beyond it they wait for nothing, and are not remembered. */
const MAX_KEYS = 10_000;

export class Coalescer {
  readonly #clock: Clock;
  readonly #run: (key: string) => void;
  /** Whether it was asked for again since it was done. */
  readonly #recent = new Map<string, { again: boolean; readonly cancel: () => void }>();

  constructor(clock: Clock, run: (key: string) => void) {
    this.#clock = clock;
    this.#run = run;
  }

  /** False when it is put off and done together with what was asked for before. */
  ask(key: string): boolean {
    const recent = this.#recent.get(key);
    if (recent !== undefined) {
      recent.again = true;
      return false;
    }
    if (this.#recent.size < MAX_KEYS) this.#remember(key);
    this.#run(key);
    return true;
  }

  stop(): void {
    for (const { cancel } of this.#recent.values()) cancel();
    this.#recent.clear();
  }

  #remember(key: string): void {
    const cancel = this.#clock.after(INTERVAL_MS, () => {
      const recent = this.#recent.get(key);
      this.#recent.delete(key);
      if (recent?.again !== true) return;
      this.#remember(key);
      this.#run(key);
    });
    this.#recent.set(key, { again: false, cancel });
  }
}
