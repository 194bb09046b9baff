/**
 * CrashLoopBackOff, as the kubelet's: the first restart is immediate, the next wait 10 s, 20 s, …
 * up to 300 s, and ten minutes without a restart begin anew.
 */
const INITIAL_MS = 10_000;
const MAX_MS = 300_000;
const RESET_AFTER_MS = 2 * MAX_MS;

interface Entry {
  readonly delayMs: number;
  readonly restartedAtMs: number;
}

export class RestartBackoff {
  readonly #entries = new Map<string, Entry>();

  /** How long a container that ended at `finishedAtMs` must still wait; 0 when it may start. */
  remainingMs(container: string, finishedAtMs: number, nowMs: number): number {
    const entry = this.#current(container, finishedAtMs);
    return entry === undefined ? 0 : Math.max(0, finishedAtMs + entry.delayMs - nowMs);
  }

  /** The pause that applies to the container, for messages. */
  delayMs(container: string): number {
    return this.#entries.get(container)?.delayMs ?? 0;
  }

  /** The container was restarted at `nowMs`: the next restart waits longer. */
  restarted(container: string, nowMs: number): void {
    const entry = this.#current(container, nowMs);
    const delayMs = entry === undefined ? INITIAL_MS : Math.min(entry.delayMs * 2, MAX_MS);
    this.#entries.set(container, { delayMs, restartedAtMs: nowMs });
  }

  #current(container: string, atMs: number): Entry | undefined {
    const entry = this.#entries.get(container);
    return entry === undefined || atMs - entry.restartedAtMs > RESET_AFTER_MS ? undefined : entry;
  }
}
