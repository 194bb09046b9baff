/** Events go an hour after they were last written, as upstream's `--event-ttl`. */
import { events } from "../../kube/kinds/event.ts";
import { isStatus } from "../../kube/status-error.ts";
import { StoreUnavailableError, type StoreKey } from "../store/store.ts";
import type { Backend } from "./backend.ts";
import { apiServerContext } from "./request-context.ts";
import { commitDeletion } from "./rest/delete.ts";

export const EVENT_TTL_MS = 3_600_000;
/** An Event lives at most this much longer. */
const SWEEP_INTERVAL_MS = 60_000;
/** Keeps one sweep, and the writes it queues, short; the rest follows in the next one. */
const MAX_PER_SWEEP = 5_000;

interface Written {
  readonly key: StoreKey;
  readonly atMs: number;
}

export class EventExpiry {
  readonly #backend: Backend;
  /** By namespace and name, the longest unwritten first. */
  readonly #written = new Map<string, Written>();
  readonly #deletions = new Set<Promise<void>>();
  readonly #stop: () => void;
  #cancelTimer: (() => void) | undefined;

  /** Events that were there before the start are counted from now: they cannot have been seen since. */
  constructor(backend: Backend) {
    this.#backend = backend;
    const { group, plural } = events;
    const { revision, items } = backend.store.list(events);
    for (const { object } of items) {
      const { namespace = "", name } = object.metadata;
      this.#note({ group, plural, namespace, name });
    }
    this.#stop = backend.store.watch(events, revision, ({ type, key }) => {
      if (type === "put") this.#note(key);
      else this.#written.delete(idOf(key));
    });
  }

  async close(): Promise<void> {
    this.#stop();
    this.#cancelTimer?.();
    await Promise.all(this.#deletions);
  }

  #note(key: StoreKey): void {
    const id = idOf(key);
    // Deleted first, so that it moves to the end.
    this.#written.delete(id);
    this.#written.set(id, { key, atMs: this.#backend.clock.now() });
    this.#startTimer();
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#backend.clock.after(SWEEP_INTERVAL_MS, () => {
      this.#cancelTimer = undefined;
      this.#sweep();
      if (this.#written.size > 0) this.#startTimer();
    });
  }

  #sweep(): void {
    const expiredMs = this.#backend.clock.now() - EVENT_TTL_MS;
    let count = 0;
    for (const { key, atMs } of this.#written.values()) {
      if (atMs > expiredMs || ++count > MAX_PER_SWEEP) return;
      const deletion = this.#delete(key).finally(() => this.#deletions.delete(deletion));
      this.#deletions.add(deletion);
    }
  }

  async #delete({ namespace, name }: StoreKey): Promise<void> {
    const { group, version, plural } = events;
    const kind = this.#backend.registry.find(group, version, plural);
    if (kind === undefined) return;
    try {
      await commitDeletion(this.#backend, apiServerContext, { kind, namespace, name });
    } catch (error) {
      // Gone already, or the disk is full: then the next sweep tries again.
      if (!isStatus(error, "NotFound") && !(error instanceof StoreUnavailableError)) throw error;
    }
  }
}

const idOf = ({ namespace, name }: StoreKey): string => `${namespace}/${name}`;
