/** Places for work that is expensive: so many at once, so many in line, the rest is turned away. */
export interface SlotLimits {
  readonly running: number;
  readonly waiting: number;
}

export class Slots {
  readonly #limits: SlotLimits;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Whether whoever comes now is turned away. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#limits.waiting && this.isBusy;
  }
  /** Whether whoever comes now has to wait. */
  get isBusy(): boolean {
    return this.#running >= this.#limits.running;
  }

  /** Resolves with how to give the place back (again does nothing). @throws the signal's reason */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.isBusy) await this.#turn(signal);
    else this.#running++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(enter);
    });
  }
}
