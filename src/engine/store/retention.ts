/**
 * How much history to keep: at least some minutes, so that a client that lost its connection
 * resumes its watch instead of listing again, and at least some revisions, so that it also can
 * after a quiet night; but never more than memory allows.
 */
import type { EventLog } from "./event-log.ts";

export interface Retention {
  /** History younger than this stays. */
  readonly minAgeMs: number;
  /** This many newest revisions stay, however old. */
  readonly minRevisions: number;
  /** These two win over the two above. */
  readonly maxRevisions: number;
  readonly maxBytes: number;
}

/**
 * Five minutes is the window that etcd-backed API servers keep. 32 MiB of JSON, with the parsed
 * objects beside it about 100 MiB, is what 30,000 revisions of an ordinary object take: those of
 * five minutes at 100 writes a second.
 */
export const defaultRetention: Retention = {
  minAgeMs: 5 * 60_000,
  minRevisions: 1_000,
  maxRevisions: 200_000,
  maxBytes: 32 * 1024 * 1024,
};

/** Ages are known to this precision; thirty marks then cover the five minutes. */
const MARK_INTERVAL_MS = 10_000;

/** A limit that was reached is undercut by this part, so that not every write compacts. */
const SLACK = 1 / 8;

/** Knows roughly when revisions were committed, and from that how far to forget. */
export class RetentionPolicy {
  readonly #retention: Retention;
  /** Everything up to `revision` was committed at `atMs` or before. Oldest first. */
  #marks: { readonly revision: number; readonly atMs: number }[];

  constructor(retention: Retention, revision: number, nowMs: number) {
    this.#retention = retention;
    this.#marks = [{ revision, atMs: nowMs }];
  }

  /** Called after each commit; the revision through which to forget now, if any. */
  afterCommit(revision: number, nowMs: number, history: EventLog): number | undefined {
    const { minAgeMs, minRevisions, maxRevisions, maxBytes } = this.#retention;
    let target = 0;
    if (history.length > maxRevisions || history.sizeBytes > maxBytes)
      target = history.revisionToFit(maxRevisions * (1 - SLACK), maxBytes * (1 - SLACK));

    const newest = this.#marks.at(-1);
    if (newest === undefined || nowMs - newest.atMs >= MARK_INTERVAL_MS) {
      this.#marks.push({ revision, atMs: nowMs });
      const old = this.#marks.filter(({ atMs }) => nowMs - atMs >= minAgeMs);
      const oldEnough = old.at(-1)?.revision ?? 0;
      target = Math.max(target, Math.min(oldEnough, revision - minRevisions));
      if (old.length > 1) this.#marks = this.#marks.slice(old.length - 1);
    }
    return target > 0 ? target : undefined;
  }
}
