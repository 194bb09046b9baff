/** When a schedule comes round, in its time zone. Pure; croner knows the calendar. */
import { Cron } from "croner";
import { parseSchedule } from "../../../kube/kinds/cronjob/schedule.ts";

/** Times are whole seconds, in milliseconds since the epoch. */
export interface ScheduledTimes {
  /** The first time after `ms`; undefined when it never comes, as with the 30th of February. */
  after(ms: number): number | undefined;
  /** The last time at or before `ms`, of those after `sinceMs`. */
  lastBetween(sinceMs: number, ms: number): number | undefined;
  /** Whether there are more than `count` times after `sinceMs`, up to `ms`. */
  hasMoreThan(count: number, sinceMs: number, ms: number): boolean;
}

const SECOND_MS = 1_000;

/**
 * Where a time zone skips an hour, what would be in it comes when it is over; of an hour that comes
 * twice, fixed times come once.
 * @throws ScheduleError for a schedule that cannot be read
 */
export function scheduledTimes(schedule: string, timeZone = "UTC"): ScheduledTimes {
  const parsed = parseSchedule(schedule);
  if ("everyMs" in parsed) return everyTimes(parsed.everyMs);
  // Day of month and day of week: either is enough when both are restricted (croner's default).
  const cron = new Cron(parsed.pattern, { timezone: timeZone, paused: true });
  const after = (ms: number): number | undefined => cron.nextRun(new Date(ms))?.getTime();
  return {
    after,
    lastBetween(sinceMs, ms) {
      const found = cron.previousRuns(1, new Date(floor(ms) + SECOND_MS))[0]?.getTime();
      return found !== undefined && found > sinceMs ? found : undefined;
    },
    hasMoreThan(count, sinceMs, ms) {
      const last = cron.nextRuns(count + 1, new Date(sinceMs)).at(count);
      return last !== undefined && last.getTime() <= ms;
    },
  };
}

function everyTimes(everyMs: number): ScheduledTimes {
  return {
    after: (ms) => floor(ms) + everyMs,
    lastBetween(sinceMs, ms) {
      const times = Math.floor((ms - floor(sinceMs)) / everyMs);
      return times > 0 ? floor(sinceMs) + times * everyMs : undefined;
    },
    hasMoreThan: (count, sinceMs, ms) => (ms - floor(sinceMs)) / everyMs > count,
  };
}

const floor = (ms: number): number => Math.floor(ms / SECOND_MS) * SECOND_MS;

/** RFC 3339 with the offset that the time zone has at that moment. */
export function formatIn(timeZone: string | undefined, ms: number): string {
  const zone = timeZone ?? "UTC";
  const offset = offsetMinutes(zone, ms);
  const local = new Date(ms + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const pad = (value: number): string => String(value).padStart(2, "0");
  const absolute = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${pad(Math.floor(absolute / 60))}:${pad(absolute % 60)}`;
}

function offsetMinutes(timeZone: string, ms: number): number {
  const parts = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const name = parts.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
