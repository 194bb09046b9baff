/** For which time a Job has to start now: the most recent one that none was started for. Pure. */
import { parseTime } from "../../../client/timestamps.ts";
import type { CronJob } from "../../../kube/kinds/cronjob.ts";
import type { ScheduledTimes } from "./scheduled-times.ts";

export interface Due {
  readonly dueMs?: number;
  /** It is longer ago than `startingDeadlineSeconds`. */
  readonly isTooLate: boolean;
  /** So many times passed without a Job that something must be wrong. */
  readonly isTooMany: boolean;
  /** When the schedule comes round again; absent when it never does. */
  readonly nextMs?: number;
}

/** As upstream: the most recent one is still run, and a Warning tells of the others. */
const MAX_MISSED = 100;

export interface DueQuestion {
  readonly cronJob: CronJob;
  readonly times: ScheduledTimes;
  readonly scheduleSinceMs?: number;
  readonly nowMs: number;
}

export function dueTime({ cronJob, times, scheduleSinceMs, nowMs }: DueQuestion): Due {
  const { metadata, status, spec } = cronJob;
  const deadlineMs = (spec?.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
  const lastMs =
    parseTime(status?.lastScheduleTime) ?? parseTime(metadata.creationTimestamp) ?? nowMs;
  const handledMs = Math.max(lastMs, scheduleSinceMs ?? 0);
  const firstMs = times.after(handledMs);
  if (firstMs === undefined) return { isTooLate: false, isTooMany: false };
  if (firstMs > nowMs) return { isTooLate: false, isTooMany: false, nextMs: firstMs };
  // Of times that are too old to be started for none counts as missed.
  const sinceMs = Math.max(handledMs, nowMs - deadlineMs);
  const dueMs = times.lastBetween(handledMs, nowMs) ?? firstMs;
  const nextMs = times.after(Math.max(dueMs, handledMs));
  return {
    dueMs,
    isTooLate: nowMs - dueMs > deadlineMs,
    isTooMany: times.hasMoreThan(MAX_MISSED, sinceMs, nowMs),
    ...(nextMs === undefined ? {} : { nextMs }),
  };
}
