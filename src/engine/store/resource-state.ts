/** Everything the store holds in memory about one resource: objects, history and watchers. */
import { EventLog } from "./event-log.ts";
import { ResourceIndex } from "./resource-index.ts";
import type { LoggedEvent } from "./revision-log.ts";
import { CompactedError, type Stored, type StoreEvent } from "./store.ts";

interface Watcher {
  readonly onEvent: (event: StoreEvent) => void;
  /** Events up to this revision were delivered, or not asked for. */
  revision: number;
  stopped: boolean;
}

export class ResourceState {
  readonly index = new ResourceIndex();
  readonly #history = new EventLog<LoggedEvent>();
  readonly #watchers = new Set<Watcher>();
  /** History up to here is not known, whatever the store as a whole retains. */
  #floor = 0;
  /** The last state in the past that was asked for: pages of one list ask again and again. */
  #past: { readonly revision: number; readonly index: ResourceIndex } | undefined;

  /** Makes a committed change visible to readers. Watchers hear of it by {@link publish}. */
  apply(event: LoggedEvent): void {
    if (event.type === "put") this.index.set(event.key, event.current);
    else this.index.delete(event.key);
    this.#history.append(event);
  }

  /** Ephemeral revisions before a restart are gone: history starts here. */
  raiseFloor(revision: number): void {
    this.#floor = Math.max(this.#floor, revision);
  }

  publish(event: StoreEvent): void {
    for (const watcher of this.#watchers) deliver(watcher, event);
  }

  watch(
    revision: number,
    compactedRevision: number,
    onEvent: (event: StoreEvent) => void,
  ): () => void {
    this.#checkRetained(revision, compactedRevision);
    const watcher: Watcher = { onEvent, revision, stopped: false };
    for (const event of this.#history.after(revision)) deliver(watcher, event);
    this.#watchers.add(watcher);
    return () => {
      watcher.stopped = true;
      this.#watchers.delete(watcher);
    };
  }

  listAt(revision: number, compactedRevision: number, namespace?: string): readonly Stored[] {
    this.#checkRetained(revision, compactedRevision);
    const since = this.#history.after(revision);
    if (since.length === 0) return this.index.list(namespace);
    if (this.#past?.revision !== revision) {
      const index = this.index.clone();
      for (const { key, previous } of since.toReversed()) {
        if (previous === undefined) index.delete(key);
        else index.set(key, previous);
      }
      this.#past = { revision, index };
    }
    return this.#past.index.list(namespace);
  }

  forget(revision: number): void {
    this.#history.dropThrough(revision);
    if (this.#past !== undefined && this.#past.revision < revision) this.#past = undefined;
  }

  stopWatchers(): void {
    for (const watcher of this.#watchers) watcher.stopped = true;
    this.#watchers.clear();
  }

  historyStart(compactedRevision: number): number {
    return Math.max(this.#floor, compactedRevision);
  }

  #checkRetained(revision: number, compactedRevision: number): void {
    const floor = this.historyStart(compactedRevision);
    if (revision < floor) throw new CompactedError(floor);
  }
}

/**
 * A watcher that starts while a batch is being published has got the batch as history: what it
 * has it does not get again. A listener that throws broke its contract: that ends the process as
 * any uncaught error does, but never another watcher's stream or a write in progress.
 */
function deliver(watcher: Watcher, event: StoreEvent): void {
  if (watcher.stopped || event.revision <= watcher.revision) return;
  watcher.revision = event.revision;
  try {
    watcher.onEvent(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
