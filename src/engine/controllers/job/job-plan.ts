/** What has to be done for a Job, from itself and its pods. Pure. */
import type { JobCondition, JobStatus } from "kubernetes-types/batch/v1";
import { formatTime } from "../../../client/timestamps.ts";
import { isConditionTrue, setCondition } from "../../../kube/conditions.ts";
import type { Job } from "../../../kube/kinds/job.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { countPods, type JobCounts } from "./job-counts.ts";
import { deadlineOf, type Outcome, outcomeOf } from "./job-outcome.ts";
import { isTracked, stateOf } from "./job-pods.ts";
import { type NewPod, planPods } from "./plan-pods.ts";

export interface JobPlan {
  readonly status: JobStatus;
  readonly create: readonly NewPod[];
  /** Ended because the Job is: they count as failed. */
  readonly remove: readonly Pod[];
  /** Too many, or suspended: that is no failure of theirs, so they are let go before they are deleted. */
  readonly discard: readonly Pod[];
  /** Pods that the Job's finalizer need not hold any longer, once the status is stored. */
  readonly untrack: readonly Pod[];
  /** The Job is over for as long as it was to be kept. */
  readonly isExpired: boolean;
  readonly lookAgainMs?: number;
  readonly event?: {
    readonly type: "Normal" | "Warning";
    readonly reason: string;
    readonly message: string;
  };
}

export function isFinished({ status }: Job): boolean {
  return (
    isConditionTrue(status?.conditions, "Complete") || isConditionTrue(status?.conditions, "Failed")
  );
}

export function planJob(job: Job, pods: readonly Pod[], nowMs: number): JobPlan {
  if (isFinished(job)) return planFinished(job, pods, nowMs);
  const now = formatTime(nowMs);
  const started = withStart(job, now);
  const counts = countPods(started, pods);
  const states = pods.map((pod) => ({ pod, state: stateOf(pod, started) }));
  const active = states.filter(({ state }) => state === "active").map(({ pod }) => pod);
  const decided = decidedOutcome(started) ?? outcomeOf(started, active, counts, nowMs);
  const isSuspended = started.spec?.suspend === true;
  const work =
    decided !== undefined || isSuspended
      ? { create: [], remove: isSuspended ? active : [] }
      : planPods(started, pods, counts, nowMs);
  const status = statusOf(started, { pods, active, counts, decided, now });
  const deadlineMs = decided === undefined ? deadlineOf(started.spec, started.status) : undefined;
  const waits = [work.lookAgainMs, deadlineMs === undefined ? undefined : deadlineMs - nowMs];
  const lookAgain = waits.filter((wait) => wait !== undefined);
  const event = eventOf(job, status);
  return {
    status,
    create: work.create,
    remove: decided === undefined ? [] : active,
    discard: decided === undefined ? work.remove : [],
    untrack: counts.counted,
    isExpired: false,
    ...(lookAgain.length === 0 ? {} : { lookAgainMs: Math.max(1, Math.min(...lookAgain)) }),
    ...(event === undefined ? {} : { event }),
  };
}

function planFinished(job: Job, pods: readonly Pod[], nowMs: number): JobPlan {
  const status = job.status ?? {};
  const plan = {
    status,
    create: [],
    remove: pods.filter((pod) => stateOf(pod, job) === "active"),
    discard: [],
    untrack: pods.filter(isTracked),
    isExpired: false,
  };
  const seconds = job.spec?.ttlSecondsAfterFinished;
  if (seconds === undefined) return plan;
  const over = (status.conditions ?? []).find(
    (condition) =>
      (condition.type === "Complete" || condition.type === "Failed") && condition.status === "True",
  );
  const leftMs = Date.parse(over?.lastTransitionTime ?? "") + seconds * 1_000 - nowMs;
  if (Number.isNaN(leftMs)) return plan;
  return leftMs <= 0 ? { ...plan, isExpired: true } : { ...plan, lookAgainMs: leftMs };
}

/** A Job starts when it is first seen not suspended; the time counts anew after each suspension. */
function withStart(job: Job, now: string): Job {
  const { startTime, ...status } = job.status ?? {};
  if (job.spec?.suspend === true) return { ...job, status };
  return { ...job, status: { ...status, startTime: startTime ?? now } };
}

function decidedOutcome({ status }: Job): Outcome | undefined {
  for (const { type, status: value, reason = "", message = "" } of status?.conditions ?? [])
    if ((type === "FailureTarget" || type === "SuccessCriteriaMet") && value === "True")
      return { type, reason, message };
  return undefined;
}

interface Facts {
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly counts: JobCounts;
  readonly decided: Outcome | undefined;
  readonly now: string;
}

function statusOf(job: Job, { pods, active, counts, decided, now }: Facts): JobStatus {
  const terminating = pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp !== undefined &&
      status?.phase !== "Succeeded" &&
      status?.phase !== "Failed",
  ).length;
  const isSettled =
    active.length === 0 &&
    terminating === 0 &&
    counts.uncountedSucceeded.length === 0 &&
    counts.uncountedFailed.length === 0;
  const final = decided !== undefined && isSettled ? decided : undefined;
  const isIndexed = job.spec?.completionMode === "Indexed";
  const completedIndexes = counts.completed.toString();
  const failedIndexes = counts.failedIndexes.toString();
  const { startTime, completionTime } = job.status ?? {};
  const conditions = conditionsOf(job, decided, final, now);
  const completed = final?.type === "SuccessCriteriaMet" ? now : completionTime;
  return {
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completed === undefined ? {} : { completionTime: completed }),
    ...(active.length === 0 ? {} : { active: active.length }),
    ready: active.filter(({ status }) => isConditionTrue(status?.conditions, "Ready")).length,
    terminating,
    ...(counts.succeeded === 0 ? {} : { succeeded: counts.succeeded }),
    ...(counts.failed === 0 ? {} : { failed: counts.failed }),
    ...(isIndexed && completedIndexes !== "" ? { completedIndexes } : {}),
    ...(job.spec?.backoffLimitPerIndex === undefined ? {} : { failedIndexes }),
    uncountedTerminatedPods: {
      ...(counts.uncountedSucceeded.length === 0
        ? {}
        : { succeeded: [...counts.uncountedSucceeded] }),
      ...(counts.uncountedFailed.length === 0 ? {} : { failed: [...counts.uncountedFailed] }),
    },
  };
}

function conditionsOf(
  { spec, status }: Job,
  decided: Outcome | undefined,
  final: Outcome | undefined,
  now: string,
): JobCondition[] {
  let conditions = [...(status?.conditions ?? [])];
  const set = (type: string, value: string, reason: string, message: string): void => {
    const condition = {
      type,
      status: value,
      reason,
      message,
      lastProbeTime: now,
      lastTransitionTime: now,
    };
    const before = conditions.find((known) => known.type === type);
    if (before?.status === value && before.reason === reason) return;
    conditions = setCondition(conditions, condition, now);
  };
  const wasSuspended = conditions.some(
    ({ type, status: value }) => type === "Suspended" && value === "True",
  );
  if (decided === undefined && spec?.suspend === true)
    set("Suspended", "True", "JobSuspended", "Job suspended");
  else if (wasSuspended) set("Suspended", "False", "JobResumed", "Job resumed");
  if (decided !== undefined) set(decided.type, "True", decided.reason, decided.message);
  if (final !== undefined) {
    const type = final.type === "FailureTarget" ? "Failed" : "Complete";
    set(type, "True", final.reason, final.message);
  }
  return conditions;
}

/** Once, when the Job ends or is suspended or resumed. */
function eventOf(before: Job, { conditions = [] }: JobStatus): JobPlan["event"] {
  const became = (type: string, value = "True"): JobCondition | undefined => {
    const after = conditions.find((known) => known.type === type && known.status === value);
    const known = before.status?.conditions?.find((one) => one.type === type);
    return known?.status === value ? undefined : after;
  };
  const failed = became("Failed");
  if (failed !== undefined)
    return { type: "Warning", reason: failed.reason ?? "Failed", message: failed.message ?? "" };
  if (became("Complete") !== undefined)
    return { type: "Normal", reason: "Completed", message: "Job completed" };
  if (became("Suspended") !== undefined)
    return { type: "Normal", reason: "Suspended", message: "Job suspended" };
  return became("Suspended", "False") === undefined
    ? undefined
    : { type: "Normal", reason: "Resumed", message: "Job resumed" };
}
