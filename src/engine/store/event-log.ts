/** A run of committed changes in revision order: appended at the end, forgotten from the start. */
import type { StoreEvent } from "./store.ts";

/** Forgotten slots are given back in one move once they are this many and half of the array. */
const MIN_SLOTS_TO_RECLAIM = 1024;

export class EventLog<E extends StoreEvent = StoreEvent> {
  #events: E[] = [];
  #head = 0;
  #sizeBytes = 0;

  get length(): number {
    return this.#events.length - this.#head;
  }
  /** JSON bytes of the retained events' states. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(event: E): void {
    this.#events.push(event);
    this.#sizeBytes += event.current.json.length;
  }

  /** Events after `revision`, oldest first. */
  after(revision: number): readonly E[] {
    return this.#events.slice(this.#indexAfter(revision));
  }

  /** Forgets events up to and including `revision` and returns them. */
  dropThrough(revision: number): readonly E[] {
    const end = this.#indexAfter(revision);
    const dropped = this.#events.slice(this.#head, end);
    for (const event of dropped) this.#sizeBytes -= event.current.json.length;
    this.#head = end;
    if (this.#head >= MIN_SLOTS_TO_RECLAIM && this.#head * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return dropped;
  }

  /** The revision through which to forget so that at most `maxEvents` of at most `maxBytes` remain. */
  revisionToFit(maxEvents: number, maxBytes: number): number {
    let revision = 0;
    let events = this.length;
    let bytes = this.#sizeBytes;
    for (let index = this.#head; events > maxEvents || bytes > maxBytes; index++) {
      const event = this.#events[index];
      if (event === undefined) break;
      revision = event.revision;
      events--;
      bytes -= event.current.json.length;
    }
    return revision;
  }

  #indexAfter(revision: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
