/** Durations of the Gateway API (GEP-2257): up to four numbers with h, m, s or ms. */

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const PART = /(\d{1,5})(h|ms|m|s)/g;

/** In milliseconds; undefined when it is absent. What the schema refuses counts as 0. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let sumMs = 0;
  for (const [, number = "0", unit = ""] of text.matchAll(PART))
    sumMs += Number(number) * (UNITS[unit] ?? 0);
  return sumMs;
}
