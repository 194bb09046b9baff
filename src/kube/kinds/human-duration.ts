/**
 * Ages as kubectl prints them (k8s.io/apimachinery/pkg/util/duration, `HumanDuration`): two units
 * while the first is small, one afterwards.
 */
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const HOURS_PER_DAY = 24;
const DAYS_PER_YEAR = 365;
/** Clocks of two machines may differ by this much before an age counts as nonsense. */
const TOLERATED_SKEW_MS = -2 * SECOND_MS;

/** `45s`, `3m20s`, `12m`, `5h30m`, `2d4h`, `90d`, `3y20d`. */
export function humanDuration(durationMs: number): string {
  if (durationMs <= TOLERATED_SKEW_MS) return "<invalid>";
  if (durationMs < 0) return "0s";
  const seconds = Math.floor(durationMs / SECOND_MS);
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(durationMs / MINUTE_MS);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(durationMs / HOUR_MS);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 2 * HOURS_PER_DAY) return `${hours}h`;
  const days = Math.floor(hours / HOURS_PER_DAY);
  if (hours < 8 * HOURS_PER_DAY) return pair(days, "d", hours % HOURS_PER_DAY, "h");
  if (days < 2 * DAYS_PER_YEAR) return `${days}d`;
  const years = Math.floor(days / DAYS_PER_YEAR);
  if (days < 8 * DAYS_PER_YEAR) return pair(years, "y", days % DAYS_PER_YEAR, "d");
  return `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

/** The age of an RFC 3339 time; `<unknown>` when there is none. */
export function ageSince(time: string | undefined, nowMs: number): string {
  const sinceMs = time === undefined || time === "" ? Number.NaN : Date.parse(time);
  return Number.isNaN(sinceMs) ? "<unknown>" : humanDuration(nowMs - sinceMs);
}
