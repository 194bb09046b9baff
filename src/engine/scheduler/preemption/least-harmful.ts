/** Of several nodes, the one where preemption does the least harm: upstream's order of criteria. Pure. */
import type { NodeState, PlacedPod } from "../node-state.ts";

export interface Candidate {
  readonly node: NodeState;
  /** The most important first. */
  readonly victims: readonly PlacedPod[];
  /** Victims whose leaving breaks a disruption budget. */
  readonly violations: number;
}

export function leastHarmful(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  let bestHarm: readonly (number | string)[] = [];
  for (const candidate of candidates) {
    const harm = harmOf(candidate);
    if (best === undefined || isLess(harm, bestHarm)) [best, bestHarm] = [candidate, harm];
  }
  return best;
}

/** Above every priority's absolute value: sums then favour fewer victims also where priorities are below 0. */
const PRIORITY_OFFSET = 2 ** 31;

function harmOf({ victims, violations }: Candidate): readonly (number | string)[] {
  const [first] = victims;
  const highest = first?.info.priority ?? -Infinity;
  const sum = victims.reduce((total, { info }) => total + info.priority + PRIORITY_OFFSET, 0);
  const started = victims
    .filter(({ info }) => info.priority === highest)
    .map(({ startTime }) => startTime)
    .sort();
  // Of the most important victims, who began last has lost the least.
  return [violations, highest, sum, victims.length, reversed(started[0] ?? "")];
}

/** Sorts the other way round. */
function reversed(text: string): string {
  return [...text].map((char) => String.fromCharCode(0xffff - char.charCodeAt(0))).join("");
}

function isLess(a: readonly (number | string)[], b: readonly (number | string)[]): boolean {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}
