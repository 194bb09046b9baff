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

/** Ages are known to this precision; thirty intervals then cover the five minutes. */
const INTERVAL_MS = 10_000;

/** A limit that was reached is undercut by this part, so that not every write compacts. */
const SLACK = 1 / 8;

/** The commits of one interval: all up to `revision` happened at `lastMs` or before. */
interface Interval {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly revision: number;
}

/** Knows roughly when revisions were committed, and from that how far to forget. */
export class RetentionPolicy {
  readonly #retention: Retention;
  /** Oldest first. */
  #intervals: Interval[];
  /** Everything up to here is old enough to go. */
  #oldRevision = 0;

  constructor(retention: Retention, revision: number, nowMs: number) {
    this.#retention = retention;
    this.#intervals = [{ firstMs: nowMs, lastMs: nowMs, revision }];
  }

  /** Called after each commit; the revision through which to forget now, if any. */
  afterCommit(revision: number, nowMs: number, history: EventLog): number | undefined {
    const { minRevisions, maxRevisions, maxBytes } = this.#retention;
    let target = 0;
    if (history.length > maxRevisions || history.sizeBytes > maxBytes)
      target = history.revisionToFit(maxRevisions * (1 - SLACK), maxBytes * (1 - SLACK));
    if (this.#note(revision, nowMs)) {
      this.#age(nowMs);
      target = Math.max(target, Math.min(this.#oldRevision, revision - minRevisions));
    }
    return target > 0 ? target : undefined;
  }

  /** Whether an interval began. One that a clock set back would place in the past begins too. */
  #note(revision: number, nowMs: number): boolean {
    const last = this.#intervals.at(-1);
    if (last !== undefined && Math.abs(nowMs - last.firstMs) < INTERVAL_MS) {
      this.#intervals[this.#intervals.length - 1] = { ...last, lastMs: nowMs, revision };
      return false;
    }
    this.#intervals.push({ firstMs: nowMs, lastMs: nowMs, revision });
    return true;
  }

  #age(nowMs: number): void {
    const young = this.#intervals.findIndex(
      ({ lastMs }) => nowMs - lastMs < this.#retention.minAgeMs,
    );
    // The interval that has just begun is young, so there is always one.
    const old = this.#intervals.splice(0, young);
    this.#oldRevision = old.at(-1)?.revision ?? this.#oldRevision;
  }
}
