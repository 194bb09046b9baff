/**
 * What an autoscaler decides when it looks: the size, and what to say of it. Pure. Upstream:
 * pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`.
 */
import type {
  HorizontalPodAutoscalerCondition,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
} from "kubernetes-types/autoscaling/v2";
import { formatTime, parseTime } from "../../../client/timestamps.ts";
import { setCondition } from "../../../kube/conditions.ts";
import type { AutoscalerSpec } from "../../../kube/kinds/horizontalpodautoscaler.ts";
import {
  DEFAULT_SCALE_DOWN,
  DEFAULT_SCALE_UP,
} from "../../../kube/kinds/horizontalpodautoscaler/autoscaler-defaults.ts";
import { parseQuantity, quantityToNumber } from "../../../kube/quantity.ts";
import {
  failureReason,
  type MetricContext,
  type MetricOutcome,
  readMetric,
} from "./read-metric.ts";
import { MetricError, NotMeasuredError, type Tolerance } from "./replica-calculator.ts";
import {
  type Behavior,
  downWindowSeconds,
  normalize,
  type Recommendation,
  type ScalingHistory,
} from "./scaling-rules.ts";

/** How long pods that have started may go without a measurement that says something. */
const STARTING_MS = 60_000;

/** Smaller deviations from the target are left alone. */
const DEFAULT_TOLERANCE = 0.1;

export type Conditions = readonly HorizontalPodAutoscalerCondition[];
export interface Warning {
  readonly reason: string;
  readonly message: string;
}
export interface AutoscalerPlan {
  /** Undefined: no metric could be told, so it is left as it is. */
  readonly replicas: number | undefined;
  /** Why it is another size than now. */
  readonly reason: string;
  readonly currentMetrics: readonly MetricStatus[] | undefined;
  readonly conditions: Conditions;
  readonly warnings: readonly Warning[];
  /** Nothing is measured yet, which is no failure: it is worth looking again soon. */
  readonly isStarting?: true;
  /** What was recommended now, to be remembered. */
  readonly recommendation: Recommendation | undefined;
}
export interface AutoscalerInput extends Omit<MetricContext, "tolerance"> {
  readonly spec: AutoscalerSpec;
  readonly conditions: Conditions;
  readonly history: ScalingHistory;
  readonly createdAtMs: number;
}

export function planAutoscaler(input: AutoscalerInput): AutoscalerPlan {
  const { spec, currentReplicas: current, nowMs } = input;
  const min = spec.minReplicas ?? 1;
  const { maxReplicas: max } = spec;
  const base = { currentMetrics: undefined, warnings: [], recommendation: undefined };
  if (current === 0) {
    const conditions = set(input.conditions, nowMs, {
      type: "ScalingActive",
      status: "False",
      reason: "ScalingDisabled",
      message: "scaling is disabled since the replica count of the target is zero",
    });
    return { ...base, replicas: 0, reason: "", conditions };
  }
  const outside = (replicas: number, reason: string): AutoscalerPlan => ({
    ...base,
    replicas,
    reason,
    conditions: input.conditions,
  });
  if (current > max) return outside(max, "Current number of replicas above Spec.MaxReplicas");
  if (current < min) return outside(min, "Current number of replicas below Spec.MinReplicas");
  return planFromMetrics(input, { min, max });
}

function planFromMetrics(
  input: AutoscalerInput,
  bounds: { readonly min: number; readonly max: number },
): AutoscalerPlan {
  const { spec, currentReplicas: current, nowMs, history } = input;
  const behavior = behaviorOf(spec);
  const { metrics = [] } = spec;
  const read = readAll(metrics, { ...input, tolerance: toleranceOf(behavior) });
  const [failed] = read.failures;
  const best = read.outcomes.reduce<MetricOutcome | undefined>(
    (highest, outcome) =>
      highest === undefined || outcome.replicas > highest.replicas ? outcome : highest,
    undefined,
  );
  const isNew = read.isUnmeasured && isStarting(input);
  const warnings = (isNew ? [] : read.failures).map(({ metric, message }) => ({
    reason: failureReason(metric),
    message,
  }));
  const currentMetrics = read.statuses;
  if (best === undefined && isNew)
    return {
      replicas: undefined,
      reason: "",
      currentMetrics,
      recommendation: undefined,
      conditions: input.conditions,
      warnings: [],
      isStarting: true,
    };
  // What is not known might want more: never scaled down without it.
  if (best === undefined || (failed !== undefined && best.replicas < current)) {
    const message = failed?.message ?? "no metrics are given";
    const invalid = `invalid metrics (${read.failures.length} invalid out of ${metrics.length}), first error is: ${message}`;
    return {
      replicas: undefined,
      reason: "",
      currentMetrics,
      recommendation: undefined,
      conditions: set(input.conditions, nowMs, {
        type: "ScalingActive",
        status: "False",
        reason: failed === undefined ? "InvalidMetricSourceType" : failureReason(failed.metric),
        message: `the HPA was unable to compute the replica count: ${message}`,
      }),
      warnings: [...warnings, { reason: "FailedComputeMetricsReplicas", message: invalid }],
    };
  }
  const recommended = best.replicas;
  const normal = normalize(recommended, current, bounds, behavior, history, nowMs);
  const conditions = set(
    input.conditions,
    nowMs,
    {
      type: "ScalingActive",
      status: "True",
      reason: "ValidMetricFound",
      message: `the HPA was able to successfully calculate a replica count from ${best.name}`,
    },
    {
      type: "AbleToScale",
      status: "True",
      ...(normal.stabilized ?? {
        reason: "ReadyForNewScale",
        message: "recommended size matches current size",
      }),
    },
    {
      type: "ScalingLimited",
      status: normal.limit.isLimited ? "True" : "False",
      reason: normal.limit.reason,
      message: normal.limit.message,
    },
  );
  return {
    replicas: normal.replicas,
    reason: normal.replicas > current ? `${best.name} above target` : "All metrics below target",
    currentMetrics,
    conditions,
    warnings,
    recommendation: { atMs: nowMs, replicas: recommended },
  };
}

/** The autoscaler is new, or all of its pods are. */
function isStarting({ pods, createdAtMs, nowMs }: AutoscalerInput): boolean {
  if (nowMs - createdAtMs < STARTING_MS) return true;
  return pods.every(({ status }) => nowMs - (parseTime(status?.startTime) ?? nowMs) < STARTING_MS);
}

interface ReadMetrics {
  readonly outcomes: readonly MetricOutcome[];
  readonly failures: readonly { readonly metric: MetricSpec; readonly message: string }[];
  /** Every failure is for want of a measurement. */
  readonly isUnmeasured: boolean;
  /** In the order of the metrics; a metric that failed has only its type. */
  readonly statuses: readonly MetricStatus[];
}

function readAll(metrics: readonly MetricSpec[], context: MetricContext): ReadMetrics {
  const outcomes: MetricOutcome[] = [];
  const failures: { metric: MetricSpec; message: string }[] = [];
  const statuses: MetricStatus[] = [];
  let isUnmeasured = true;
  for (const metric of metrics) {
    try {
      const outcome = readMetric(metric, context);
      outcomes.push(outcome);
      statuses.push(outcome.status);
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      isUnmeasured &&= error instanceof NotMeasuredError;
      failures.push({ metric, message: `failed to get ${describe(metric)}: ${error.message}` });
      // Keeps the others in their places.
      statuses.push({ type: metric.type });
    }
  }
  return { outcomes, failures, isUnmeasured, statuses };
}

function describe({ type, resource, containerResource }: MetricSpec): string {
  const named = resource ?? containerResource;
  if (named === undefined) return `the metric of type ${type}`;
  return named.target.averageValue === undefined
    ? `${named.name} utilization`
    : `${named.name} resource metric value`;
}

type Rules = HPAScalingRules & { readonly tolerance?: string };

function behaviorOf({ behavior }: AutoscalerSpec): Behavior {
  return {
    up: behavior?.scaleUp ?? DEFAULT_SCALE_UP,
    down: behavior?.scaleDown ?? DEFAULT_SCALE_DOWN,
  };
}

function toleranceOf({ up, down }: Behavior): Tolerance {
  const of = ({ tolerance }: Rules): number =>
    tolerance === undefined ? DEFAULT_TOLERANCE : quantityToNumber(parseQuantity(tolerance));
  return { up: of(up), down: of(down) };
}

/** Conditions with these set. */
export function set(
  conditions: Conditions,
  nowMs: number,
  ...next: readonly Omit<HorizontalPodAutoscalerCondition, "lastTransitionTime">[]
): Conditions {
  const now = formatTime(nowMs);
  return next.reduce<Conditions>((all, condition) => setCondition(all, condition, now), conditions);
}

/** What still matters of the past, with what is new. */
export function remember(
  { recommendations, events }: ScalingHistory,
  spec: AutoscalerSpec,
  plan: Pick<AutoscalerPlan, "recommendation">,
  nowMs: number,
): ScalingHistory {
  const { up, down } = behaviorOf(spec);
  const windowMs = 1000 * Math.max(up.stabilizationWindowSeconds ?? 0, downWindowSeconds(down));
  const periods = [...(up.policies ?? []), ...(down.policies ?? [])];
  const periodMs = 1000 * Math.max(0, ...periods.map(({ periodSeconds }) => periodSeconds));
  return {
    recommendations: [
      ...recommendations.filter(({ atMs }) => atMs > nowMs - windowMs),
      ...(plan.recommendation === undefined ? [] : [plan.recommendation]),
    ],
    events: events.filter(({ atMs }) => atMs > nowMs - periodMs),
  };
}
