/**
 * Decides what becomes of an event before it is written, so that a loop cannot flood the API: the
 * same event again only counts up, many similar ones become one, and one object has a budget. The
 * numbers are those of client-go's EventCorrelator.
 */
export interface Occurrence {
  /** Who tells of whom: everything but type, reason and message. */
  readonly subject: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}
export interface Correlated {
  /** Equal for occurrences that belong in one Event object. */
  readonly id: string;
  readonly message: string;
}

/** Budget of one subject: a burst, then one event per five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** So many different messages of one reason within the interval are combined into one Event. */
const SIMILAR_EVENTS = 10;
const SIMILAR_INTERVAL_MS = 600_000;
/** Subjects and reasons remembered; the least recently used is forgotten first. */
const MAX_REMEMBERED = 4_096;

interface Budget {
  tokens: number;
  refilledMs: number;
}
interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

export class EventCorrelator {
  readonly #budgets = new Map<string, Budget>();
  readonly #similar = new Map<string, Similar>();

  /** What to write, or undefined when the subject's budget is used up. */
  correlate(occurrence: Occurrence, nowMs: number): Correlated | undefined {
    const { subject, type, reason, message } = occurrence;
    const group = JSON.stringify([subject, type, reason]);
    const combined = this.#isFlood(group, message, nowMs);
    if (!this.#spend(subject, nowMs)) return undefined;
    return combined
      ? { id: group, message: `(combined from similar events): ${message}` }
      : { id: JSON.stringify([group, message]), message };
  }

  #isFlood(group: string, message: string, nowMs: number): boolean {
    const known = this.#similar.get(group);
    const fresh = known !== undefined && nowMs - known.lastMs <= SIMILAR_INTERVAL_MS;
    const similar = fresh ? known : { messages: new Set<string>(), lastMs: nowMs };
    similar.lastMs = nowMs;
    if (similar.messages.size < SIMILAR_EVENTS) similar.messages.add(message);
    remember(this.#similar, group, similar);
    return similar.messages.size >= SIMILAR_EVENTS;
  }

  #spend(subject: string, nowMs: number): boolean {
    const budget = this.#budgets.get(subject) ?? { tokens: BURST, refilledMs: nowMs };
    budget.tokens = Math.min(BURST, budget.tokens + (nowMs - budget.refilledMs) / REFILL_MS);
    budget.refilledMs = nowMs;
    const allowed = budget.tokens >= 1;
    if (allowed) budget.tokens -= 1;
    remember(this.#budgets, subject, budget);
    return allowed;
  }
}

/** Sets an entry as the most recently used one. */
export function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
