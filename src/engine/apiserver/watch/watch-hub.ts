/**
 * Fans the changes of one served kind out to its watchers. Subscribes to the store once, makes each
 * event once, and finds the watchers that it concerns by the field that they select on, so that a
 * thousand watches by `spec.nodeName` or `metadata.name` cost an event no more than one.
 */
import type { KubeObject } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";
import type { ServedKind } from "../registry.ts";
import { readField, type Selection } from "../selection.ts";
import { SharedChange, type WatchEvent } from "./watch-event.ts";
import { Watcher } from "./watcher.ts";

export interface JoinOptions {
  readonly selection: Selection;
  readonly namespace: string | undefined;
  /** Changes after this revision follow. Throws `CompactedError` when they are no longer retained. */
  readonly revision: number;
  readonly initial: readonly WatchEvent[];
  readonly bookmarks: boolean;
}

/** Where a watcher is looked up: all that it can match has this value in this field. */
interface Bucket {
  readonly field: string;
  readonly value: string;
}

export class WatchHub {
  readonly #served: ServedKind;
  readonly #store: Store;
  readonly #onEmpty: () => void;
  readonly #everything = new Set<Watcher>();
  readonly #byField = new Map<string, Map<string, Set<Watcher>>>();
  readonly #watchers = new Map<Watcher, Bucket | undefined>();
  #unsubscribe: (() => void) | undefined;

  constructor(served: ServedKind, store: Store, onEmpty: () => void) {
    this.#served = served;
    this.#store = store;
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#watchers.size;
  }

  join(options: JoinOptions): Watcher {
    const { selection, namespace, revision, initial, bookmarks } = options;
    const watcher = new Watcher({
      namespace,
      matches: selection.matches,
      revision,
      initial,
      bookmarks,
    });
    this.#replay(watcher, revision);
    this.#unsubscribe ??= this.#subscribe();
    const bucket = bucketOf(selection, namespace);
    this.#watchers.set(watcher, bucket);
    this.#bucketSet(bucket).add(watcher);
    watcher.onceEnded(() => this.#leave(watcher));
    return watcher;
  }

  /** Tells every watcher that wants to know how far the stream has come. */
  bookmark(): void {
    const event: WatchEvent = {
      type: "BOOKMARK",
      resourceVersion: String(this.#store.revision),
      initialEventsEnd: false,
    };
    for (const watcher of this.#watchers.keys()) watcher.bookmark(event);
  }

  /** Ends all watches after what they have queued. */
  end(): void {
    for (const watcher of this.#watchers.keys()) watcher.end();
  }

  /** Brings a watcher from its revision to now; it is offered later changes by the hub. */
  #replay(watcher: Watcher, revision: number): void {
    if (revision === this.#store.revision) return;
    const stop = this.#store.watch(this.#served.kind, revision, (event) =>
      watcher.offer(new SharedChange(this.#served, event)),
    );
    stop();
  }

  #subscribe(): () => void {
    return this.#store.watch(this.#served.kind, this.#store.revision, (event) =>
      this.#dispatch(new SharedChange(this.#served, event)),
    );
  }

  #dispatch(change: SharedChange): void {
    for (const watcher of this.#everything) watcher.offer(change);
    for (const [field, byValue] of this.#byField) {
      for (const value of valuesOf(this.#served, field, change.states())) {
        for (const watcher of byValue.get(value) ?? []) watcher.offer(change);
      }
    }
  }

  #leave(watcher: Watcher): void {
    const bucket = this.#watchers.get(watcher);
    if (!this.#watchers.delete(watcher)) return;
    this.#bucketSet(bucket).delete(watcher);
    if (bucket !== undefined) this.#dropEmpty(bucket);
    if (this.#watchers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#onEmpty();
  }

  #bucketSet(bucket: Bucket | undefined): Set<Watcher> {
    if (bucket === undefined) return this.#everything;
    let byValue = this.#byField.get(bucket.field);
    if (byValue === undefined) {
      byValue = new Map();
      this.#byField.set(bucket.field, byValue);
    }
    let set = byValue.get(bucket.value);
    if (set === undefined) {
      set = new Set();
      byValue.set(bucket.value, set);
    }
    return set;
  }

  #dropEmpty({ field, value }: Bucket): void {
    const byValue = this.#byField.get(field);
    if (byValue?.get(value)?.size === 0) byValue.delete(value);
    if (byValue?.size === 0) this.#byField.delete(field);
  }
}

/** The most selective field: a name, then any other field, then the namespace. */
function bucketOf(selection: Selection, namespace: string | undefined): Bucket | undefined {
  const name = selection.exactFields.get("metadata.name");
  if (name !== undefined) return { field: "metadata.name", value: name };
  for (const [field, value] of selection.exactFields) return { field, value };
  return namespace === undefined ? undefined : { field: "metadata.namespace", value: namespace };
}

/** The distinct values of a field before and after. */
function valuesOf(served: ServedKind, field: string, states: readonly KubeObject[]): string[] {
  const values = states.map((state) => readField(served.kind, field, state) ?? "");
  return values[0] === values[1] ? values.slice(0, 1) : values;
}
