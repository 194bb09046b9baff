/**
 * Makes Jobs on a schedule. What to do is planned in `cronjob/cronjob-plan.ts`; here it is carried
 * out. A Job is named after the minute it is for, so whatever fails in between, there is one at most.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { formatTime } from "../../client/timestamps.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type CronJob, cronJobs } from "../../kube/kinds/cronjob.ts";
import { type Job, jobs as jobResource } from "../../kube/kinds/job.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { type CronJobPlan, planCronJob, withActive } from "./cronjob/cronjob-plan.ts";
import { jobOfCronJob, referenceTo } from "./cronjob/job-of-cronjob.ts";
import { isFinished } from "./job/job-plan.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { addOwnerIndexes, controlledBy } from "./ownership/owner-indexes.ts";
import { controllerOf, isControlledBy } from "./ownership/owner-reference.ts";

const NAME = "cronjob-controller";
/** Writes that wait together share one commit to disk; many schedules come round together. */
const WORKERS = 20;
/** The cache's next event brings the CronJob back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;

export function createCronJobController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const all = informers.of(cronJobs);
  const jobs = informers.of(jobResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  /** When a schedule was seen to change. Lost on a restart: then a time in between counts as missed. */
  const changedMs = new Map<string, number>();
  addOwnerIndexes(jobs);

  all.onChange(({ type, object, previous }) => {
    const key = keyOf(object);
    if (type === "DELETED") changedMs.delete(key);
    else if (previous !== undefined && hasOtherTimes(object, previous))
      changedMs.set(key, clock.now());
    queue.add(key);
  });
  jobs.onChange(({ object, previous }) => {
    for (const job of previous === undefined ? [object] : [object, previous]) {
      const owner = controllerOf(job);
      if (owner?.kind === "CronJob") queue.add(`${job.metadata.namespace ?? ""}/${owner.name}`);
    }
  });

  async function reconcile(key: string): Promise<Result> {
    const cronJob = all.get(key);
    if (cronJob === undefined) {
      ownWrites.forget(key);
      return done;
    }
    // Asked before the Jobs are read: what the status tells of is then among them, or gone.
    if (ownWrites.isBehind(key, jobs.revision)) return requeueAfter(STALE_RECHECK_MS);
    const scheduleSinceMs = changedMs.get(key);
    const plan = planCronJob({
      cronJob,
      jobs: controlledBy(jobs, cronJob),
      nowMs: clock.now(),
      ...(scheduleSinceMs === undefined ? {} : { scheduleSinceMs }),
    });
    for (const { type, reason, message } of plan.events)
      events.record(cronJob, type, reason, message);
    await carryOut(cronJob, plan);
    return plan.lookAgainMs === undefined ? done : requeueAfter(plan.lookAgainMs);
  }

  async function carryOut(cronJob: CronJob, plan: CronJobPlan): Promise<void> {
    const { startMs } = plan;
    await Promise.all([...plan.forget, ...plan.replace].map((job) => remove(cronJob, job)));
    if (startMs === undefined) return writeStatus(cronJob, plan.status);
    const started = await start(cronJob, startMs, plan);
    if (started === undefined) return writeStatus(cronJob, plan.status);
    const { status } = plan;
    const known = (status.active ?? []).filter(({ uid }) => uid !== started.metadata.uid);
    const active = isFinished(started) ? known : [...known, referenceTo(started)];
    await writeStatus(cronJob, {
      ...withActive(status, active),
      lastScheduleTime: formatTime(startMs),
    });
  }

  /** Undefined when none may be started, and this is no failure. */
  async function start(
    cronJob: CronJob,
    scheduledMs: number,
    plan: CronJobPlan,
  ): Promise<Job | undefined> {
    const job = jobOfCronJob(cronJob, scheduledMs);
    try {
      const created = await client.create(jobResource, job);
      ownWrites.note(keyOf(cronJob), created);
      events.record(cronJob, "Normal", "SuccessfulCreate", `Created job ${job.metadata.name}`);
      return created;
    } catch (error) {
      if (isStatus(error, "AlreadyExists")) return await existing(cronJob, job);
      if (isNamespaceTerminating(error)) return undefined;
      events.record(cronJob, "Warning", "FailedCreate", `Error creating job: ${messageOf(error)}`);
      // Jobs that were replaced are gone from the status, though the next one could not start.
      await writeStatus(cronJob, plan.status);
      throw error;
    }
  }

  /** It was made before, and the status was not written. One that is somebody else's is left alone. */
  async function existing(cronJob: CronJob, job: Job): Promise<Job | undefined> {
    const found = await client.get(jobResource, parseKey(keyOf(job)));
    if (isControlledBy(found, cronJob)) return found;
    const message = `Error creating job: ${job.metadata.name} exists already and is not of this CronJob`;
    events.record(cronJob, "Warning", "FailedCreate", message);
    return undefined;
  }

  async function remove(cronJob: CronJob, job: Job): Promise<void> {
    const { name, uid } = job.metadata;
    try {
      const left = await client.delete(jobResource, parseKey(keyOf(job)), {
        propagationPolicy: "Background",
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
      ownWrites.note(keyOf(cronJob), left);
      events.record(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      events.record(cronJob, "Warning", "FailedDelete", `Deleted job: ${messageOf(error)}`);
      throw error;
    }
  }

  /** With the resourceVersion of what was looked at: a newer status is never written over. */
  async function writeStatus(cronJob: CronJob, status: CronJobPlan["status"]): Promise<void> {
    if (deepEqual(cronJob.status ?? {}, status)) return;
    await client.update(cronJobs, { ...cronJob, status }, { subresource: "status" });
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function hasOtherTimes({ spec }: CronJob, { spec: before }: CronJob): boolean {
  return spec?.schedule !== before?.schedule || spec?.timeZone !== before?.timeZone;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
