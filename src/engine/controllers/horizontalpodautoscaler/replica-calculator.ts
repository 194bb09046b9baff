/**
 * How many replicas bring a metric to its target. Pure. Upstream: replica_calculator.go. Pods whose
 * value is not known count against the change: as if they used everything before scaling down, and
 * nothing before scaling up.
 */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { groupPods, type PodReading } from "./group-pods.ts";

/** A metric that cannot be told: `reason` is that of condition and Event. */
export class MetricError extends Error {
  override readonly name = "MetricError";
}

/** Nothing was measured (yet). */
export class NotMeasuredError extends MetricError {}

export interface Tolerance {
  readonly up: number;
  readonly down: number;
}
export interface MetricInput {
  readonly pods: readonly Pod[];
  /** By pod name. */
  readonly readings: ReadonlyMap<string, PodReading>;
  readonly isCpu: boolean;
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}
/** What each pod is compared with: a share of its own request, or the same value for all. */
export type MetricGoal =
  | {
      readonly utilization: number;
      /** Milli-units or bytes, in the unit of the readings. */ readonly requestOf: (
        pod: Pod,
      ) => number;
    }
  | { readonly average: number };

export interface Proposal {
  readonly replicas: number;
  /** Of the pods that were measured. */
  readonly averageValue: number;
  /** In percent of the requests, where the goal is a share. */
  readonly averageUtilization?: number;
}

/** @throws MetricError */
export function proposeReplicas(input: MetricInput, goal: MetricGoal): Proposal {
  const { pods, currentReplicas, isCpu, nowMs } = input;
  if (pods.length === 0)
    throw new NotMeasuredError("no pods returned by selector while calculating replica count");
  const groups = groupPods(pods, input.readings, isCpu, nowMs);
  const requests =
    "utilization" in goal
      ? new Map(pods.map((pod) => [pod.metadata.name, goal.requestOf(pod)]))
      : undefined;
  const values = new Map(
    [...input.readings]
      .filter(([name]) => !groups.ignored.has(name) && !groups.unready.has(name))
      .map(([name, { value }]) => [name, value]),
  );
  if (values.size === 0)
    throw new NotMeasuredError("did not receive metrics for targeted pods (pods might be unready)");
  const first = ratioOf(values, requests, goal);
  const averageValue = first.total / values.size;
  const proposal = (replicas: number): Proposal => ({
    replicas,
    averageValue,
    ...(first.utilization === undefined ? {} : { averageUtilization: first.utilization }),
  });
  const countsUnready = groups.unready.size > 0 && first.ratio > 1;
  if (!countsUnready && groups.missing.size === 0) {
    if (isTolerated(first.ratio, input.tolerance)) return proposal(currentReplicas);
    return proposal(roundUp(first.ratio * groups.readyCount));
  }
  for (const name of groups.missing) {
    if (first.ratio < 1) values.set(name, fullUse(name, requests, goal));
    else if (first.ratio > 1) values.set(name, 0);
  }
  if (countsUnready) for (const name of groups.unready) values.set(name, 0);
  const { ratio } = ratioOf(values, requests, goal);
  const turned = (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1);
  if (turned || isTolerated(ratio, input.tolerance)) return proposal(currentReplicas);
  const replicas = roundUp(ratio * values.size);
  const contradicts =
    (ratio < 1 && replicas > currentReplicas) || (ratio > 1 && replicas < currentReplicas);
  return proposal(contradicts ? currentReplicas : replicas);
}

interface Ratio {
  /** Current over wanted. */
  readonly ratio: number;
  readonly total: number;
  readonly utilization?: number;
}

function ratioOf(
  values: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number> | undefined,
  goal: MetricGoal,
): Ratio {
  let total = 0;
  let requested = 0;
  for (const [name, value] of values) {
    // A pod that is measured but not selected any more has no request.
    if (requests !== undefined && !requests.has(name)) continue;
    total += value;
    requested += requests?.get(name) ?? 0;
  }
  if ("average" in goal) return { ratio: total / values.size / goal.average, total };
  if (requested === 0) throw new MetricError("no metrics returned matched known pods");
  const utilization = Math.floor((total * 100) / requested);
  return { ratio: utilization / goal.utilization, total, utilization };
}

/** All of the request, or more where more than that is wanted: then a missing pod changes nothing. */
function fullUse(
  name: string,
  requests: ReadonlyMap<string, number> | undefined,
  goal: MetricGoal,
): number {
  if ("average" in goal) return goal.average;
  return ((requests?.get(name) ?? 0) * Math.max(100, goal.utilization)) / 100;
}

function isTolerated(ratio: number, { up, down }: Tolerance): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

/** Sums of many parts may be off by less than this. */
const EPSILON = 1e-9;
const roundUp = (value: number): number => Math.ceil(value - EPSILON);
