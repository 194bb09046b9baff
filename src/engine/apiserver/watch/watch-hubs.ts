/** The hubs of all kinds that somebody watches, and the one timer behind their bookmarks. */
import type { Clock } from "../../../client/clock.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Store } from "../../store/store.ts";
import type { KindRegistry, ServedKind } from "../registry.ts";
import { type JoinOptions, WatchHub } from "./watch-hub.ts";
import type { Watcher } from "./watcher.ts";

/** As upstream: often enough that an idle client's revision stays within what is retained. */
export const BOOKMARK_INTERVAL_MS = 60_000;

/** A watch takes a few kilobytes: this many stay below 100 MB. Far more than agents and controllers open. */
export const MAX_WATCHES = 20_000;

export class WatchHubs {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #hubs = new Map<ServedKind, WatchHub>();
  readonly #stopListening: () => void;
  readonly #registry: KindRegistry;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(store: Store, clock: Clock, registry: KindRegistry) {
    this.#store = store;
    this.#clock = clock;
    this.#registry = registry;
    this.#stopListening = registry.onChange(() => this.#endUnserved());
  }

  /** See {@link WatchHub.join}. Throws 429 when {@link MAX_WATCHES} are open. */
  join(served: ServedKind, options: JoinOptions): Watcher {
    if (this.size >= MAX_WATCHES) throw tooMany();
    let hub = this.#hubs.get(served);
    if (hub === undefined) {
      hub = new WatchHub(served, this.#store, () => this.#drop(served));
      this.#hubs.set(served, hub);
    }
    try {
      const watcher = hub.join(options);
      this.#startTimer();
      if (this.#closed || !this.#registry.serves(served)) watcher.end();
      return watcher;
    } finally {
      if (hub.size === 0) this.#drop(served);
    }
  }

  /** Watches that are open now. */
  get size(): number {
    let size = 0;
    for (const hub of this.#hubs.values()) size += hub.size;
    return size;
  }

  /** Ends every watch; later ones end at once. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const hub of this.#hubs.values()) hub.end();
  }

  /** A kind whose definition changed or went away: its watchers start over under the new one. */
  #endUnserved(): void {
    for (const [served, hub] of this.#hubs) {
      if (!this.#registry.serves(served)) hub.end();
    }
  }

  #drop(served: ServedKind): void {
    this.#hubs.delete(served);
    if (this.#hubs.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #startTimer(): void {
    if (this.#hubs.size === 0) return;
    this.#cancelTimer ??= this.#clock.after(BOOKMARK_INTERVAL_MS, () => {
      this.#cancelTimer = undefined;
      for (const hub of this.#hubs.values()) hub.bookmark();
      this.#startTimer();
    });
  }
}

const tooMany = (): StatusError =>
  StatusError.of(
    "TooManyRequests",
    `${MAX_WATCHES} watches are open, the limit of this server: close some, or try again later`,
    { retryAfterSeconds: 10 },
  );
