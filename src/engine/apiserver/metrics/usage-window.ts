/** From what counters said at two moments to what is used. Pure. */
import {
  addQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
} from "../../../kube/quantity.ts";
import type { Usage } from "../../../kube/pod-metrics.ts";
import type { NodeMeasurement } from "../node-connection.ts";

/**
 * Long enough that ticks of 10 ms do not show, short enough for an autoscaler that looks every 15 s.
 */
const MIN_WINDOW_MS = 10_000;
/** Older says little of now; and bounds what is kept. */
const MAX_WINDOW_MS = 60_000;
/** At most one is kept for every second asked. */
const MAX_KEPT = MAX_WINDOW_MS / 1_000;

/** What a measurement is compared with, newest first; bounded. */
export function keep(
  measurements: readonly NodeMeasurement[],
  next: NodeMeasurement,
): NodeMeasurement[] {
  return [next, ...measurements.filter((one) => next.atMs - one.atMs <= MAX_WINDOW_MS)].slice(
    0,
    MAX_KEPT,
  );
}

/**
 * The measurement from which on to count: the newest that is old enough, else the oldest there is.
 * @param measurements newest first; the first is what is compared
 */
export function baseOf(measurements: readonly NodeMeasurement[]): NodeMeasurement | undefined {
  const [newest, ...older] = measurements;
  if (newest === undefined) return undefined;
  return older.find(({ atMs }) => newest.atMs - atMs >= MIN_WINDOW_MS) ?? older.at(-1);
}

interface Counter {
  /** Since when the counter counts, in milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly cpuNanoseconds: bigint;
  readonly memoryBytes: number;
}

export interface UsageInWindow {
  readonly usage: Usage;
  readonly windowMs: number;
}

/**
 * What a counter grew by, per second. Without an earlier reading, or when it began anew, it is
 * counted from its own beginning.
 */
export function usageOf(
  counter: Counter,
  atMs: number,
  before: Counter | undefined,
  beforeMs: number,
): UsageInWindow {
  const continues = before !== undefined && before.sinceMs === counter.sinceMs && beforeMs < atMs;
  const fromMs = continues ? beforeMs : counter.sinceMs;
  const nanoseconds = counter.cpuNanoseconds - (continues ? before.cpuNanoseconds : 0n);
  const windowMs = Math.max(1, atMs - fromMs);
  const nanocores = nanoseconds > 0n ? (nanoseconds * 1000n) / BigInt(Math.round(windowMs)) : 0n;
  return {
    windowMs,
    usage: {
      cpu: formatQuantity({ nanos: nanocores, format: "DecimalSI" }),
      memory: formatQuantity({
        nanos: BigInt(Math.ceil(counter.memoryBytes)) * 1_000_000_000n,
        format: "BinarySI",
      }),
    },
  };
}

/** Of several containers together, over the shortest of their windows. */
export function sumOf(used: readonly UsageInWindow[]): UsageInWindow {
  const total = (name: keyof Usage): string =>
    formatQuantity(
      used
        .map(({ usage }): Quantity => parseQuantity(usage[name]))
        .reduce(addQuantities, { nanos: 0n, format: name === "cpu" ? "DecimalSI" : "BinarySI" }),
    );
  return {
    usage: { cpu: total("cpu"), memory: total("memory") },
    windowMs: used.length === 0 ? 0 : Math.min(...used.map(({ windowMs }) => windowMs)),
  };
}

/** As Go writes durations: `15.2s`. */
export function formatWindow(windowMs: number): string {
  return `${(windowMs / 1000).toFixed(3).replace(/\.?0+$/, "")}s`;
}
