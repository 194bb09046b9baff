/** What a watch yields. One event object is shared by all watchers that see the same thing. */
import { deepFreeze, type KubeObject } from "../../../kube/object.ts";
import type { StoreEvent } from "../../store/store.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import { present } from "../present.ts";
import type { ServedKind } from "../registry.ts";

export interface ObjectEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly encoded: Encoded;
}
export interface BookmarkEvent {
  readonly type: "BOOKMARK";
  readonly resourceVersion: string;
  /** The end of the state at the start of the watch: annotation `k8s.io/initial-events-end`. */
  readonly initialEventsEnd: boolean;
}
export type WatchEvent = ObjectEvent | BookmarkEvent;

/** A committed change as the watchers of one served kind may see it; each form is made once. */
export class SharedChange {
  readonly revision: number;
  readonly namespace: string;
  /** The state before; for a deletion the last one. Undefined for a creation. */
  readonly #before: Encoded | undefined;
  /** The state after; for a deletion the last one, with the deletion's revision. */
  readonly #current: Encoded;
  readonly #exists: boolean;
  #added: ObjectEvent | undefined;
  #modified: ObjectEvent | undefined;
  #deleted: ObjectEvent | undefined;

  constructor(served: ServedKind, event: StoreEvent) {
    this.revision = event.revision;
    this.namespace = event.key.namespace;
    this.#exists = event.type === "put";
    this.#current = present(served, event.current);
    this.#before = event.previous === undefined ? undefined : present(served, event.previous);
  }

  /** Every state that this change shows: where to look for the watchers it concerns. */
  states(): readonly KubeObject[] {
    const current = this.#current.object;
    return this.#before === undefined ? [current] : [current, this.#before.object];
  }

  /**
   * What a watcher with this selector sees. Leaving the selector looks like a deletion: the last
   * matching state, with the revision of the change. Undefined when it matched neither before nor after.
   */
  eventFor(matches: (object: KubeObject) => boolean): ObjectEvent | undefined {
    const matched = this.#before !== undefined && matches(this.#before.object);
    const isMatch = this.#exists && matches(this.#current.object);
    if (isMatch) return matched ? this.#modification() : this.#addition();
    return matched ? this.#deletion(this.#before) : undefined;
  }

  #addition(): ObjectEvent {
    this.#added ??= { type: "ADDED", encoded: this.#current };
    return this.#added;
  }
  #modification(): ObjectEvent {
    this.#modified ??= { type: "MODIFIED", encoded: this.#current };
    return this.#modified;
  }
  #deletion(before: Encoded): ObjectEvent {
    this.#deleted ??= {
      type: "DELETED",
      encoded: this.#exists ? atRevision(before, this.revision) : this.#current,
    };
    return this.#deleted;
  }
}

function atRevision({ object }: Encoded, revision: number): Encoded {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return encodeLazily(deepFreeze({ ...object, metadata }));
}
