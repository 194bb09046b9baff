/**
 * The contract of the object store: MVCC over keys `group/plural/namespace/name`. Two
 * implementations pass one suite: `LmdbStore` and, for tests and as its model, `MemoryStore`.
 *
 * Invariants: a revision is allocated inside the write transaction, grows by one per committed
 * change and is never reused; a promise returned by `write` settles only after the change is
 * durable; reads and watchers never see what is not committed; watchers get every change after
 * their revision exactly once and in order.
 */
import type { KubeObject } from "../../kube/object.ts";

/** One object of one resource. Parts must not be empty except `group` and `namespace`. */
export interface StoreKey {
  readonly group: string;
  readonly plural: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}
export type ResourceName = Pick<StoreKey, "group" | "plural">;

/**
 * An object at one revision. `object.metadata.resourceVersion` is its decimal form. Frozen.
 * `json` is the encoded object, made once and shared by every reader.
 */
export interface Stored<T extends KubeObject = KubeObject> {
  readonly revision: number;
  readonly object: T;
  readonly json: Buffer;
}

export interface StoreEvent {
  readonly type: "put" | "delete";
  readonly revision: number;
  readonly key: StoreKey;
  /** The new state; for a deletion the last state, with the deletion's revision as resourceVersion. */
  readonly current: Stored;
  /** The state before; undefined for a creation. */
  readonly previous: Stored | undefined;
}

/** What a mutation wants: the new object, or the key gone, or nothing changed. */
export type Change =
  | { readonly put: KubeObject }
  | { readonly delete: true }
  | { readonly keep: true };
/**
 * Runs synchronously inside the writer, against the newest state (earlier writes of the same
 * group commit included). Throwing aborts this write alone, and its promise rejects with what was thrown.
 */
export type Mutation = (current: Stored | undefined) => Change;

export interface WriteOptions {
  /** Leases, Events: older revisions of the key leave the durable history at once. */
  readonly ephemeral?: boolean;
}

/** `stored` is the state after the write: for `keep` the unchanged one, for `delete` the last one. */
export interface WriteResult {
  readonly stored: Stored | undefined;
  readonly changed: boolean;
}

export interface Snapshot {
  /** The store's revision at which `items` was complete. */
  readonly revision: number;
  /** Ordered by namespace, then name. */
  readonly items: readonly Stored[];
}

export interface Store {
  /** The newest committed revision. At least 1, even when empty. */
  readonly revision: number;
  /** Watches may resume after this revision or a later one; before it they get `Compacted`. */
  readonly compactedRevision: number;

  get(key: StoreKey): Stored | undefined;
  list(resource: ResourceName, namespace?: string): Snapshot;
  /** The state as of an older, retained revision. Throws `CompactedError`. */
  listAt(resource: ResourceName, revision: number, namespace?: string): Snapshot;
  count(resource: ResourceName, namespace?: string): number;

  write(key: StoreKey, mutation: Mutation, options?: WriteOptions): Promise<WriteResult>;

  /**
   * Calls `onEvent` synchronously for each committed change of the resource after `revision`
   * (history first, then live, no gap between). The returned function stops it. Throws
   * `CompactedError` when `revision` is older than retained. Listeners must not throw or block.
   */
  watch(resource: ResourceName, revision: number, onEvent: (event: StoreEvent) => void): () => void;

  /** Forgets history up to and including `revision`, in small steps. */
  compact(revision: number): Promise<void>;
  close(): Promise<void>;
}

/** The asked-for revision is no longer retained: HTTP 410 towards clients. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly compactedRevision: number;
  constructor(compactedRevision: number) {
    super(
      `required revision has been compacted: the oldest retained revision is ${compactedRevision}`,
    );
    this.compactedRevision = compactedRevision;
  }
}

/** The disk refused a write (full, or an I/O error): nothing was acknowledged, reads go on. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}
