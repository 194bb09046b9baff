/** Answers of upstream servers, each under its own question, for as long as they say themselves. */
import type { Clock } from "../../../client/clock.ts";
import { isNegative, type UpstreamAnswer } from "./upstream-answer.ts";

/** What is forgotten first is what was not asked for the longest. */
const MAX_ENTRIES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Beside its own bytes, what an entry takes. */
const ENTRY_BYTES = 500;
/** However long a zone asks for: a mistake in it is over in minutes. */
const MAX_TTL_SECONDS = 300;
/** That a name is missing is often about to change. */
const MAX_NEGATIVE_TTL_SECONDS = 30;

interface Entry {
  readonly answer: UpstreamAnswer;
  readonly storedAtMs: number;
  readonly untilMs: number;
}

export class AnswerCache {
  readonly #clock: Clock;
  /** The one that was asked for last is the last. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: string): { readonly answer: UpstreamAnswer; readonly ageSeconds: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock.now();
    this.#remove(key, entry);
    if (nowMs >= entry.untilMs || nowMs < entry.storedAtMs) return undefined;
    this.#put(key, entry);
    const { answer } = entry;
    return { answer, ageSeconds: Math.floor((nowMs - entry.storedAtMs) / 1000) };
  }

  store(key: string, answer: UpstreamAnswer): void {
    const max = isNegative(answer) ? MAX_NEGATIVE_TTL_SECONDS : MAX_TTL_SECONDS;
    const ttlSeconds = Math.min(max, answer.ttlSeconds);
    if (ttlSeconds <= 0 || answer.isTruncated) return;
    const previous = this.#entries.get(key);
    if (previous !== undefined) this.#remove(key, previous);
    const storedAtMs = this.#clock.now();
    this.#put(key, { answer, storedAtMs, untilMs: storedAtMs + ttlSeconds * 1000 });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) break;
      this.#remove(oldest, entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.answer.bytes.length + ENTRY_BYTES;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.answer.bytes.length + ENTRY_BYTES;
  }
}
