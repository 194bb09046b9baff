/**
 * What has to be done for a CronJob, from itself and its Jobs (upstream's `syncCronJob`). Pure.
 * What was done is in the status, and a Job is named after its time: looking again does nothing twice.
 */
import type { CronJobStatus } from "kubernetes-types/batch/v1";
import type { ObjectReference } from "kubernetes-types/core/v1";
import { formatTime, parseTime } from "../../../client/timestamps.ts";
import { isConditionTrue } from "../../../kube/conditions.ts";
import { ScheduleError } from "../../../kube/kinds/cronjob/schedule.ts";
import { timeZoneProblem } from "../../../kube/kinds/cronjob/time-zone.ts";
import type { CronJob } from "../../../kube/kinds/cronjob.ts";
import type { Job } from "../../../kube/kinds/job.ts";
import { isFinished } from "../job/job-plan.ts";
import { type Due, dueTime } from "./due-time.ts";
import { surplusHistory } from "./job-history.ts";
import { jobName } from "./job-of-cronjob.ts";
import { type ScheduledTimes, scheduledTimes } from "./scheduled-times.ts";

export interface PlannedEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}
export interface CronJobPlan {
  /** Before the Job that is to start is in it. */
  readonly status: CronJobStatus;
  readonly events: readonly PlannedEvent[];
  /** The time for which to start a Job, after those in `replace` were deleted. */
  readonly startMs?: number;
  readonly replace: readonly Job[];
  /** Finished Jobs that are more than the history is to keep. */
  readonly forget: readonly Job[];
  readonly lookAgainMs?: number;
}

/** Timers do not notice when the clock is set, or a machine slept: look at it now and then. */
const MAX_WAIT_MS = 60_000;

export interface CronJobView {
  readonly cronJob: CronJob;
  /** The Jobs that it controls. */
  readonly jobs: readonly Job[];
  /** Since when it has this schedule, where that is known: what lies before was not missed. */
  readonly scheduleSinceMs?: number;
  readonly nowMs: number;
}

export function planCronJob(view: CronJobView): CronJobPlan {
  const { cronJob, jobs } = view;
  const events: PlannedEvent[] = [];
  const status = observe(cronJob, jobs, events);
  const forget = surplusHistory(cronJob, jobs);
  const idle: CronJobPlan = { status, events, replace: [], forget };
  if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec?.suspend === true)
    return idle;
  const times = timesOf(cronJob, events);
  if (times === undefined) return idle;
  const due = dueTime({ cronJob, times, ...pick(view) });
  const plan = { ...idle, ...waitUntil(due.nextMs, view.nowMs) };
  if (due.isTooMany)
    events.push({
      type: "Warning",
      reason: "TooManyMissedTimes",
      message:
        "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    });
  return due.dueMs === undefined ? plan : planStart(view, plan, due, due.dueMs);
}

function planStart(view: CronJobView, plan: CronJobPlan, due: Due, dueMs: number): CronJobPlan {
  const { cronJob, jobs } = view;
  const { status } = plan;
  const events = [...plan.events];
  if (due.isTooLate) {
    const message = `Missed scheduled time to start a job: ${formatTime(dueMs)}`;
    return { ...plan, events: [...events, { type: "Warning", reason: "MissSchedule", message }] };
  }
  const active = status.active ?? [];
  const name = jobName(cronJob, dueMs);
  if (active.some((reference) => reference.name === name)) return plan;
  if (parseTime(status.lastScheduleTime) === dueMs) return plan;
  const policy = cronJob.spec?.concurrencyPolicy;
  if (policy === "Forbid" && active.length > 0) {
    const message =
      "Not starting job because prior execution is running and concurrency policy is Forbid";
    return {
      ...plan,
      events: [...events, { type: "Normal", reason: "JobAlreadyActive", message }],
    };
  }
  const uids = new Set(active.map(({ uid }) => uid));
  const replace = policy === "Replace" ? jobs.filter(({ metadata }) => uids.has(metadata.uid)) : [];
  return {
    ...plan,
    status: replace.length === 0 ? status : withActive(status, []),
    startMs: dueMs,
    replace,
  };
}

/** The status without the Jobs that are over or gone. */
function observe(
  { status = {} }: CronJob,
  jobs: readonly Job[],
  events: PlannedEvent[],
): CronJobStatus {
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]));
  const active = (status.active ?? []).filter((reference) => {
    const job = byUid.get(reference.uid);
    if (job === undefined) {
      const message = `Active job went missing: ${reference.name ?? ""}`;
      events.push({ type: "Normal", reason: "MissingJob", message });
      return false;
    }
    if (!isFinished(job)) return true;
    const message = `Saw completed job: ${job.metadata.name}, condition: ${outcomeOf(job)}`;
    events.push({ type: "Normal", reason: "SawCompletedJob", message });
    return false;
  });
  const successes = [
    status.lastSuccessfulTime,
    ...jobs.filter((job) => outcomeOf(job) === "Complete").map((job) => job.status?.completionTime),
  ].flatMap((time) => parseTime(time) ?? []);
  return {
    ...withActive(status, active),
    ...(successes.length === 0 ? {} : { lastSuccessfulTime: formatTime(Math.max(...successes)) }),
  };
}

export function withActive(
  status: CronJobStatus,
  active: readonly ObjectReference[],
): CronJobStatus {
  const { active: _, ...others } = status;
  return active.length === 0 ? others : { ...others, active: [...active] };
}

function outcomeOf({ status }: Job): "Complete" | "Failed" {
  return isConditionTrue(status?.conditions, "Complete") ? "Complete" : "Failed";
}

/** The API refuses both mistakes; an object may be older than the rules, or the time zones newer. */
function timesOf({ spec }: CronJob, events: PlannedEvent[]): ScheduledTimes | undefined {
  const { schedule = "", timeZone } = spec ?? {};
  const problem = timeZone === undefined ? undefined : timeZoneProblem(timeZone);
  if (problem !== undefined) {
    const message = `invalid timeZone: ${JSON.stringify(timeZone)}: ${problem}`;
    events.push({ type: "Warning", reason: "UnknownTimeZone", message });
    return undefined;
  }
  try {
    return scheduledTimes(schedule, timeZone);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${error.message}`;
    events.push({ type: "Warning", reason: "UnparseableSchedule", message });
    return undefined;
  }
}

function pick({ nowMs, scheduleSinceMs }: CronJobView) {
  return scheduleSinceMs === undefined ? { nowMs } : { nowMs, scheduleSinceMs };
}

function waitUntil(nextMs: number | undefined, nowMs: number): { lookAgainMs?: number } {
  return nextMs === undefined ? {} : { lookAgainMs: Math.min(nextMs - nowMs, MAX_WAIT_MS) };
}
