/** How many requests are on their way to each backend; tells the routing board when one ended. */
import { type Backend, backendKey } from "./service-routes.ts";
import type { InFlight } from "./upstream.ts";

export class InFlightCounter implements InFlight {
  readonly #counts = new Map<string, number>();
  readonly #onEnd: (backend: Backend) => void;

  constructor(onEnd: (backend: Backend) => void) {
    this.#onEnd = onEnd;
  }
  begin(backend: Backend): void {
    const key = backendKey(backend);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }
  end(backend: Backend): void {
    const key = backendKey(backend);
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(key, left);
      return;
    }
    this.#counts.delete(key);
    this.#onEnd(backend);
  }
  has(address: string, port: number): boolean {
    return this.#counts.has(backendKey({ address, port }));
  }
}
