/**
 * How fast and how far a recommendation may be followed (spec.behavior). Pure. Upstream:
 * pkg/controller/podautoscaler/horizontal.go, `normalizeDesiredReplicasWithBehaviors`.
 */
import type { HPAScalingRules } from "kubernetes-types/autoscaling/v2";

/** Without a window of its own, scaling down waits five minutes for a higher recommendation. */
const DEFAULT_DOWN_WINDOW_SECONDS = 300;

/** What the metrics recommended at a time. */
export interface Recommendation {
  readonly atMs: number;
  readonly replicas: number;
}
/** By how many replicas it was scaled at a time; negative for down. */
export interface ScaleEvent {
  readonly atMs: number;
  readonly change: number;
}
export interface ScalingHistory {
  readonly recommendations: readonly Recommendation[];
  readonly events: readonly ScaleEvent[];
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}
export interface Behavior {
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
}

/** Something to say in a condition. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
}
export interface Normalized {
  readonly replicas: number;
  /** Why recommendations of the past count more than the present one. */
  readonly stabilized?: Verdict;
  /** Why it is not what was recommended, or that it is. */
  readonly limit: Verdict & { readonly isLimited: boolean };
}

/** The size to go to. `history` includes the present recommendation. */
export function normalize(
  recommended: number,
  current: number,
  bounds: Bounds,
  behavior: Behavior,
  history: ScalingHistory,
  nowMs: number,
): Normalized {
  const stable = stabilize(recommended, current, behavior, history, nowMs);
  const limited = limit(stable, current, bounds, behavior, history, nowMs);
  if (stable === recommended) return limited;
  const stabilized =
    stable > recommended
      ? {
          reason: "ScaleDownStabilized",
          message:
            "recent recommendations were higher than current one, applying the highest recent recommendation",
        }
      : {
          reason: "ScaleUpStabilized",
          message:
            "recent recommendations were lower than current one, applying the lowest recent recommendation",
        };
  return { ...limited, stabilized };
}

/** The current size, raised to the lowest of the up window, lowered to the highest of the down window. */
function stabilize(
  recommended: number,
  current: number,
  { up, down }: Behavior,
  { recommendations }: ScalingHistory,
  nowMs: number,
): number {
  const within = (seconds: number): number[] => [
    recommended,
    ...recommendations
      .filter(({ atMs }) => atMs > nowMs - seconds * 1000)
      .map(({ replicas }) => replicas),
  ];
  const lowest = Math.min(...within(up.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(...within(downWindowSeconds(down)));
  return Math.min(Math.max(current, lowest), Math.max(highest, lowest));
}

export function downWindowSeconds(down: HPAScalingRules): number {
  return down.stabilizationWindowSeconds ?? DEFAULT_DOWN_WINDOW_SECONDS;
}

function limit(
  wanted: number,
  current: number,
  { min, max }: Bounds,
  { up, down }: Behavior,
  { events }: ScalingHistory,
  nowMs: number,
): Normalized {
  if (wanted > current) {
    const rate = Math.max(current, upLimit(current, up, events, nowMs));
    const allowed = Math.min(max, rate);
    if (wanted <= allowed) return withinRange(wanted);
    return limitedTo(
      allowed,
      max > rate
        ? [
            "ScaleUpLimit",
            "the desired replica count is increasing faster than the maximum scale rate",
          ]
        : ["TooManyReplicas", "the desired replica count is more than the maximum replica count"],
    );
  }
  if (wanted < current) {
    const rate = Math.min(current, downLimit(current, down, events, nowMs));
    const allowed = Math.max(min, rate);
    if (wanted >= allowed) return withinRange(wanted);
    return limitedTo(
      allowed,
      min < rate
        ? [
            "ScaleDownLimit",
            "the desired replica count is decreasing faster than the maximum scale rate",
          ]
        : ["TooFewReplicas", "the desired replica count is less than the minimum replica count"],
    );
  }
  return withinRange(wanted);
}

function withinRange(replicas: number): Normalized {
  return {
    replicas,
    limit: {
      isLimited: false,
      reason: "DesiredWithinRange",
      message: "the desired count is within the acceptable range",
    },
  };
}
function limitedTo(
  replicas: number,
  [reason, message]: readonly [reason: string, message: string],
): Normalized {
  return { replicas, limit: { isLimited: true, reason, message } };
}

/** The size at the start of a period: what was added since taken away, what was removed given back. */
function atStartOf(
  periodSeconds: number,
  current: number,
  events: readonly ScaleEvent[],
  nowMs: number,
): number {
  const since = nowMs - periodSeconds * 1000;
  return events
    .filter(({ atMs }) => atMs > since)
    .reduce((size, { change }) => size - change, current);
}

function upLimit(
  current: number,
  { selectPolicy, policies = [] }: HPAScalingRules,
  events: readonly ScaleEvent[],
  nowMs: number,
): number {
  if (selectPolicy === "Disabled") return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = atStartOf(periodSeconds, current, events, nowMs);
    return type === "Pods" ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return selectPolicy === "Min" ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(
  current: number,
  { selectPolicy, policies = [] }: HPAScalingRules,
  events: readonly ScaleEvent[],
  nowMs: number,
): number {
  if (selectPolicy === "Disabled") return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = atStartOf(periodSeconds, current, events, nowMs);
    return type === "Pods" ? start - value : Math.floor(start * (1 - value / 100));
  });
  return selectPolicy === "Min" ? Math.max(...limits) : Math.min(...limits);
}
