/** One client's place in the stream of changes: a bounded queue between the store and a reader. */
import type { KubeObject } from "../../../kube/object.ts";
import type { SharedChange, WatchEvent } from "./watch-event.ts";

/**
 * Events a reader may lag behind. Well above what one group commit brings (thousands of objects),
 * and small enough that stuck readers cannot hold much: the events themselves are shared.
 */
export const MAX_QUEUED_EVENTS = 10_000;

/** A running watch, as its reader sees it. */
export interface Watch {
  /**
   * Waits until there is something and takes everything that is queued, in commit order. Undefined
   * once the watch has ended: its time is over, it was closed, the kind is no longer served, or the
   * reader was too slow; go on with a new watch from the last revision received.
   */
  next(): Promise<readonly WatchEvent[] | undefined>;
  /** Ends the watch. Idempotent. */
  close(): void;
}

export interface WatcherOptions {
  readonly namespace: string | undefined;
  readonly matches: (object: KubeObject) => boolean;
  /** The reader has, or is being sent, everything up to this revision. */
  readonly revision: number;
  readonly initial: readonly WatchEvent[];
  readonly bookmarks: boolean;
}

export class Watcher implements Watch {
  readonly wantsBookmarks: boolean;
  readonly #namespace: string | undefined;
  readonly #matches: (object: KubeObject) => boolean;
  #revision: number;
  #queue: WatchEvent[];
  /** Higher only while the initial state waits to be read: its size is the client's choice. */
  #limit: number;
  #ended = false;
  #wake: (() => void) | undefined;
  #onEnded: (() => void)[] = [];

  constructor(options: WatcherOptions) {
    this.wantsBookmarks = options.bookmarks;
    this.#namespace = options.namespace;
    this.#matches = options.matches;
    this.#revision = options.revision;
    this.#queue = [...options.initial];
    this.#limit = MAX_QUEUED_EVENTS + options.initial.length;
  }

  /** Takes in a change unless it is known already or concerns other objects. */
  offer(change: SharedChange): void {
    if (change.revision <= this.#revision) return;
    this.#revision = change.revision;
    if (this.#namespace !== undefined && this.#namespace !== change.namespace) return;
    const event = change.eventFor(this.#matches);
    if (event !== undefined) this.#push(event);
  }

  /** Says that every change up to `revision` has been offered. */
  bookmark(event: WatchEvent): void {
    if (this.wantsBookmarks) this.#push(event);
  }

  async next(): Promise<readonly WatchEvent[] | undefined> {
    while (this.#queue.length === 0) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const events = this.#queue;
    this.#queue = [];
    this.#limit = MAX_QUEUED_EVENTS;
    return events;
  }

  /** Calls back when the watch ends for whatever reason; at once when it has. */
  onceEnded(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onEnded.push(callback);
  }

  /** No more events; what is queued is still delivered. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const callback of this.#onEnded.splice(0)) callback();
    this.#wake?.();
  }

  close(): void {
    this.#queue = [];
    this.end();
  }

  #push(event: WatchEvent): void {
    if (this.#ended) return;
    if (this.#queue.length >= this.#limit) {
      this.close();
      return;
    }
    this.#queue.push(event);
    this.#wake?.();
  }
}
