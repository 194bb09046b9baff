/**
 * The schedule of a CronJob: what upstream's parser (robfig/cron, `ParseStandard`) takes, and nothing
 * of what other cron dialects add. Fields are read into the values that they stand for.
 */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

export type Schedule =
  /** A cron expression of five fields, of plain values and `*` only, whatever it was written as. */
  | { readonly pattern: string }
  /** `@every 1h30m`: so long after the last run. */
  | { readonly everyMs: number };

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values from `min` on. */
  readonly names?: readonly string[];
}

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const DAYS = "sun mon tue wed thu fri sat".split(" ");
const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: MONTHS },
  { name: "day of week", min: 0, max: 6, names: DAYS },
];
const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const EVERY = "@every ";
/** The five fields with every value written out have fewer; more is an attempt to be slow. */
const MAX_LENGTH = 1_024;

/** @throws ScheduleError that says which field is wrong, and why */
export function parseSchedule(text: string): Schedule {
  if (text.length > MAX_LENGTH)
    throw new ScheduleError(`must be no more than ${MAX_LENGTH} characters`);
  if (text.startsWith(EVERY)) return { everyMs: parseDuration(text.slice(EVERY.length)) };
  if (text.startsWith("@")) {
    const pattern = Object.hasOwn(DESCRIPTORS, text) ? DESCRIPTORS[text] : undefined;
    if (pattern === undefined) throw new ScheduleError(`unrecognized descriptor: ${text}`);
    return { pattern };
  }
  const fields = text.split(/\s+/).filter((field) => field !== "");
  if (fields.length !== FIELDS.length)
    throw new ScheduleError(
      `expected exactly ${FIELDS.length} fields, found ${fields.length}: ${JSON.stringify(fields)}`,
    );
  return { pattern: FIELDS.map((field, at) => parseField(field, fields[at] ?? "")).join(" ") };
}

/** `*`, or the values in order, with commas between. */
function parseField(field: Field, text: string): string {
  const values = new Set<number>();
  let isAny = false;
  for (const part of text.split(",")) {
    const { from, to, step, any } = parseRange(field, part);
    isAny ||= any;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  // A star anywhere makes the field count as unrestricted where days of month and week meet.
  if (isAny) return "*";
  return [...values].sort((a, b) => a - b).join(",");
}

function parseRange(field: Field, text: string) {
  const [range = "", stepText, ...more] = text.split("/");
  if (more.length > 0) throw wrong(field, text, "has too many slashes");
  const step = stepText === undefined ? 1 : parseNumber(field, stepText);
  if (step === 0) throw wrong(field, text, "the step must not be 0");
  if (range === "*" || range === "?")
    return { from: field.min, to: field.max, step, any: step === 1 };
  const [low = "", high, ...others] = range.split("-");
  if (others.length > 0) throw wrong(field, text, "has too many hyphens");
  const from = parseValue(field, low);
  // `5/10` means from 5 to the end in steps of 10.
  const to =
    high !== undefined ? parseValue(field, high) : stepText === undefined ? from : field.max;
  if (from < field.min) throw wrong(field, text, `begins below the minimum, ${field.min}`);
  if (to > field.max) throw wrong(field, text, `ends above the maximum, ${field.max}`);
  if (from > to) throw wrong(field, text, "begins after its end");
  return { from, to, step, any: false };
}

function parseValue(field: Field, text: string): number {
  const at = field.names?.indexOf(text.toLowerCase()) ?? -1;
  return at >= 0 ? field.min + at : parseNumber(field, text);
}

function parseNumber(field: Field, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw wrong(field, text, "is not a number");
  return Number(text);
}

const wrong = ({ name }: Field, text: string, what: string): ScheduleError =>
  new ScheduleError(`${name} ${JSON.stringify(text)} ${what}`);

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** As Go writes durations: `1h30m`. Less than a second becomes one. */
function parseDuration(text: string): number {
  if (!/^(\d{1,9}(\.\d{1,9})?(h|ms|m|s))+$/.test(text))
    throw new ScheduleError(`${JSON.stringify(text)} is not a duration such as 1h30m`);
  let totalMs = 0;
  for (const [, count = "", , unit = ""] of text.matchAll(/(\d+(\.\d+)?)(h|ms|m|s)/g))
    totalMs += Number(count) * (UNIT_MS[unit] ?? 0);
  return Math.max(1_000, Math.floor(totalMs / 1_000) * 1_000);
}
