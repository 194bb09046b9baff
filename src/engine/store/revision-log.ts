/** What the store needs of a disk: an append-only log of revisions, from which old ones are removed. */
import type { StoreEvent, StoreKey } from "./store.ts";

/** A committed change, with what the durable log must know beyond it. */
export interface LoggedEvent extends StoreEvent {
  /** The revision before this one of the same key left the durable log together with this commit. */
  readonly ephemeral: boolean;
}

/** One durable revision. Its JSON is the object after the change, or the last one for a deletion. */
export interface LogRecord {
  readonly revision: number;
  readonly type: "put" | "delete";
  readonly key: StoreKey;
  readonly ephemeral: boolean;
  readonly json: Buffer;
}

/** All of it happens, or nothing. */
export interface LogCommit {
  readonly append: readonly LoggedEvent[];
  /**
   * Revisions that nothing needs any more, of this commit or earlier ones. Removing one that is
   * not there changes nothing.
   */
  readonly remove: readonly number[];
  /** Set when it changed: no history is served up to this revision from now on. */
  readonly compactedRevision?: number;
}

/** Whether writes are accepted; `reason` says why not and what to do. */
export type StoreHealth =
  | { readonly writable: true }
  | { readonly writable: false; readonly reason: string };

export interface RevisionLog {
  /** Resolves once durable. Rejects with `StoreUnavailableError`: then nothing of it happened. */
  commit(commit: LogCommit): Promise<void>;
  health(): StoreHealth;
  close(): Promise<void>;
}

/** Forgets everything at once: the log of a store that lives in memory only. */
export const noLog: RevisionLog = {
  commit: () => Promise.resolve(),
  health: () => ({ writable: true }),
  close: () => Promise.resolve(),
};

/**
 * The durable revisions that are of no use once history up to and including these events is
 * forgotten: what they replaced, and deletions themselves. The order matters: a crash after any
 * prefix of the list must not bring a deleted object back.
 */
export function garbageOf(events: readonly LoggedEvent[]): number[] {
  const revisions: number[] = [];
  for (const { type, revision, previous } of events) {
    // Of an ephemeral change it is gone already; or, after a restart, it is one from before that.
    if (previous !== undefined) revisions.push(previous.revision);
    if (type === "delete") revisions.push(revision);
  }
  return revisions;
}
