/**
 * What programs made, by a key of everything that went into it: visible files, options, program
 * version, Kubernetes version, variables. Kept in memory only: it may hold decrypted content.
 */
import type { Rendered } from "../render.ts";

/** Bytes of output whose objects are kept: some thousand rendered charts of usual size. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

export interface Made extends Kept {
  readonly repeatable: boolean;
}
interface Kept {
  readonly rendered: Rendered;
  readonly sizeBytes: number;
}

export class OutputCache {
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** Several Applications may want the same at once: the program runs once. */
  readonly #running = new Map<string, Promise<Made>>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** What is known under the key, else what `make` gives; failures and what is not repeatable are not kept. */
  async rendered(key: string, make: () => Promise<Made>, signal: AbortSignal): Promise<Rendered> {
    for (;;) {
      const kept = this.#kept.get(key);
      if (kept !== undefined) {
        this.#kept.delete(key);
        this.#kept.set(key, kept);
        return kept.rendered;
      }
      const running = this.#running.get(key);
      if (running === undefined) return this.#make(key, make);
      const made = await running.catch(() => undefined);
      if (made?.repeatable === false) return withRepeatable(made);
      // Another's run may have ended because nobody there waited any longer: then it is our turn.
      if (made === undefined) signal.throwIfAborted();
    }
  }

  async #make(key: string, make: () => Promise<Made>): Promise<Rendered> {
    const running = make().finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    const made = await running;
    if (made.repeatable) this.#keep(key, made);
    return withRepeatable(made);
  }

  #keep(key: string, { rendered, sizeBytes }: Kept): void {
    if (this.#kept.has(key)) return;
    this.#kept.set(key, { rendered, sizeBytes });
    this.#bytes += sizeBytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break;
      this.#kept.delete(oldest);
      this.#bytes -= kept.sizeBytes;
    }
  }
}

function withRepeatable({ rendered, repeatable }: Made): Rendered {
  return repeatable ? rendered : { ...rendered, repeatable };
}
