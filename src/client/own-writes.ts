/**
 * Remembers up to which revision a controller has written for a key, so that it does not act again
 * on a cache that does not show its own writes yet. Upstream calls this "expectations".
 */
import type { KubeObject } from "../kube/object.ts";
import type { Clock } from "./clock.ts";

/** A cache that has not shown a write for so long never will (say, a restored database): act again. */
const EXPIRES_MS = 300_000;

interface Noted {
  readonly revision: number;
  readonly atMs: number;
}

export class OwnWrites {
  readonly #clock: Clock;
  readonly #noted = new Map<string, Noted>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `written` is what the API answered to a create, update, patch or delete. */
  note(key: string, written: KubeObject): void {
    const revision = Number(written.metadata.resourceVersion ?? 0);
    const known = this.#noted.get(key);
    if (known !== undefined && known.revision >= revision) return;
    this.#noted.set(key, { revision, atMs: this.#clock.now() });
  }

  /** Whether the cache, being at `revision`, lacks something that was written for the key. */
  isBehind(key: string, revision: number): boolean {
    const noted = this.#noted.get(key);
    if (noted === undefined) return false;
    if (revision < noted.revision && this.#clock.now() - noted.atMs < EXPIRES_MS) return true;
    this.#noted.delete(key);
    return false;
  }

  forget(key: string): void {
    this.#noted.delete(key);
  }
}
