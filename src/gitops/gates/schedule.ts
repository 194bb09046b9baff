/** The recurring start of a window: five cron fields, read in a time zone. */
import { Cron } from "croner";

/** `@daily` and the like, as cron programs read them. */
const NICKNAME = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/i;
/** Longer than any five fields that a person writes; bounds what is parsed. */
const MAX_CHARACTERS = 256;
/** Parsed schedules kept: a few for each project of a big fleet. */
const MAX_KEPT = 1_000;

/** A schedule or a time zone that means nothing. The message names it and says what is wrong. */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

export class Schedule {
  readonly #cron: Cron;
  /** From here on it never starts again: a search that finds nothing is the only one that is slow. */
  #neverFromMs = Number.POSITIVE_INFINITY;

  /** @param timeZone IANA name. @throws {ScheduleError} */
  constructor(schedule: string, timeZone = "UTC") {
    const text = schedule.trim();
    if (text.length > MAX_CHARACTERS || !(text.split(/\s+/).length === 5 || NICKNAME.test(text)))
      throw new ScheduleError(
        `schedule ${JSON.stringify(text.slice(0, MAX_CHARACTERS))} must have five fields: minute, hour, day, month, weekday`,
      );
    requireTimeZone(timeZone);
    try {
      this.#cron = new Cron(text, { timezone: timeZone, mode: "5-part" });
    } catch (error) {
      throw new ScheduleError(
        `schedule ${JSON.stringify(text)} cannot be read: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * The first start after a time, both in milliseconds since the epoch; undefined: never again. A
   * start that falls into the hour that a change to summer time skips is moved to its end; one in
   * the hour that comes twice in autumn happens once.
   */
  startAfter(ms: number): number | undefined {
    if (ms >= this.#neverFromMs) return undefined;
    const next = this.#cron.nextRun(new Date(ms))?.getTime();
    if (next === undefined) this.#neverFromMs = Math.min(this.#neverFromMs, ms);
    return next;
  }
}

function requireTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch (error) {
    throw new ScheduleError(
      `time zone ${JSON.stringify(timeZone)} is not known: write an IANA name, e.g. Europe/Berlin`,
      { cause: error },
    );
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);

const kept = new Map<string, Schedule>();

/** The same schedule for the same text: parsing and looking up a time zone take longer than asking. */
export function scheduleOf(schedule: string, timeZone = "UTC"): Schedule {
  const key = `${timeZone} ${schedule}`;
  let found = kept.get(key);
  if (found === undefined) {
    found = new Schedule(schedule, timeZone);
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? "");
    kept.set(key, found);
  }
  return found;
}
