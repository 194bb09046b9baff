/** Which pods count how when a metric is averaged. Pure. Upstream: replica_calculator.go `groupPods`. */
import { findCondition } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { parseTime } from "../../../client/timestamps.ts";

/** Processor time of a pod that has just started says nothing: it warms up. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
/** A pod that was never ready becomes not ready this shortly after its start. */
const INITIAL_READINESS_DELAY_MS = 30_000;

/** What was measured of a pod. */
export interface PodReading {
  readonly value: number;
  readonly atMs: number;
  readonly windowMs: number;
}
export interface PodGroups {
  /** Ready, and measured. */
  readonly readyCount: number;
  readonly unready: ReadonlySet<string>;
  /** Not measured. */
  readonly missing: ReadonlySet<string>;
  /** On their way out: as if they were not there. */
  readonly ignored: ReadonlySet<string>;
}

/** Pods by name. */
export function groupPods(
  pods: readonly Pod[],
  readings: ReadonlyMap<string, PodReading>,
  isCpu: boolean,
  nowMs: number,
): PodGroups {
  const unready = new Set<string>();
  const missing = new Set<string>();
  const ignored = new Set<string>();
  let readyCount = 0;
  for (const pod of pods) {
    const { name } = pod.metadata;
    const reading = readings.get(name);
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === "Failed")
      ignored.add(name);
    else if (pod.status?.phase === "Pending") unready.add(name);
    else if (reading === undefined) missing.add(name);
    else if (isCpu && isWarmingUp(pod, reading, nowMs)) unready.add(name);
    else readyCount++;
  }
  return { readyCount, unready, missing, ignored };
}

function isWarmingUp(pod: Pod, reading: PodReading, nowMs: number): boolean {
  const ready = findCondition(pod.status?.conditions, "Ready");
  const startedMs = parseTime(pod.status?.startTime);
  if (ready === undefined || startedMs === undefined) return true;
  const changedMs = parseTime(ready.lastTransitionTime) ?? startedMs;
  if (startedMs + CPU_INITIALIZATION_MS > nowMs)
    return ready.status === "False" || reading.atMs < changedMs + reading.windowMs;
  return ready.status === "False" && startedMs + INITIAL_READINESS_DELAY_MS > changedMs;
}
