/** Who wants to hear that a source may have changed; watching starts with the first of them. */
export class ChangeListeners {
  readonly #listeners = new Set<() => void>();
  readonly #start: () => () => Promise<void>;
  #stop: (() => Promise<void>) | undefined;

  /** `start` begins watching and returns how to end it. */
  constructor(start: () => () => Promise<void>) {
    this.#start = start;
  }

  add(listener: () => void): () => void {
    // One caller may add the same function twice: each registration stands for itself.
    const registered = (): void => listener();
    this.#listeners.add(registered);
    this.#stop ??= this.#start();
    return () => this.#listeners.delete(registered);
  }

  readonly notify = (): void => {
    for (const listener of this.#listeners) listener();
  };

  async close(): Promise<void> {
    this.#listeners.clear();
    const stop = this.#stop;
    this.#stop = undefined;
    await stop?.();
  }
}
