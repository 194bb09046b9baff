/** Durations as annotations have them: `500ms`, `2s`, `1m30s`, `1h`, or a range `1s..5s`. */
export interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** Nobody waits longer in a simulation, and sums of it stay far from where numbers lose precision. */
const MAX_MS = 365 * 24 * 3_600_000;

/** Undefined for what is no duration, longer than a year, or a range that runs backwards. */
export function parseDurationRange(text: string): DurationRange | undefined {
  const [from = "", to = from, ...more] = text.split("..");
  const minMs = parseMs(from);
  const maxMs = parseMs(to);
  if (minMs === undefined || maxMs === undefined || more.length > 0 || maxMs < minMs)
    return undefined;
  return { minMs, maxMs };
}

function parseMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|s|m|h)){1,4}$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    sum += Number(amount) * (UNITS_MS[unit] ?? 0);
  return sum <= MAX_MS ? sum : undefined;
}
