/**
 * Runs pods of a Job until so many succeeded, or it has failed. Level-triggered: every reconcile
 * looks at all pods of the Job, decides in `job/job-plan.ts`, and acts here. The order matters: what
 * the status tells of a pod is stored before the finalizer goes that holds the pod.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, requeueAfter, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Job, jobs as jobResource } from "../../kube/kinds/job.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { type JsonObject, keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isFinished, type JobPlan, planJob } from "./job/job-plan.ts";
import { isTracked, TRACKING_FINALIZER } from "./job/job-pods.ts";
import type { NewPod } from "./job/plan-pods.ts";
import { podOfJob } from "./job/pod-of-job.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { claim, planClaim } from "./ownership/claim.ts";
import { addOwnerIndexes, controlledBy, orphansIn } from "./ownership/owner-indexes.ts";
import { controllerOf } from "./ownership/owner-reference.ts";
import { claimSelector, selects } from "./ownership/owner-selector.ts";
import { slowStart } from "./replicaset/slow-start.ts";

const NAME = "job-controller";
/** As for ReplicaSets: writes that wait together share one commit to disk. */
const WORKERS = 20;
/** The cache's next event brings the Job back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;
/** The only value of `managedBy` that means this controller. */
const MANAGED_BY_US = "kubernetes.io/job-controller";

export function createJobController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const jobs = informers.of(jobResource);
  const pods = informers.of(podResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  addOwnerIndexes(pods);

  jobs.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const key of ownersOf(pod)) queue.add(key);
  });

  /** Keys, also of Jobs that are gone: their pods wait for their finalizer to be taken off. */
  function ownersOf(pod: Pod): readonly string[] {
    const { namespace = "", labels } = pod.metadata;
    const controller = controllerOf(pod);
    if (controller?.kind === "Job") return [`${namespace}/${controller.name}`];
    if (controller !== undefined) return [];
    return jobs
      .list(namespace)
      .filter((job) => selects(job.spec?.selector, labels))
      .map(keyOf);
  }

  async function reconcile(key: string): Promise<Result> {
    const job = jobs.get(key);
    await releaseOrphans(key, job);
    if (job === undefined) {
      ownWrites.forget(key);
      return done;
    }
    if ((job.spec?.managedBy ?? MANAGED_BY_US) !== MANAGED_BY_US) return done;
    // Asked before the pods are read: the cache can only get newer.
    if (ownWrites.isBehind(key, pods.revision)) return requeueAfter(STALE_RECHECK_MS);
    const candidates = [...controlledBy(pods, job), ...orphansIn(pods, job.metadata.namespace)];
    const planned = planClaim(
      job,
      claimSelector(job.spec?.selector),
      candidates,
      () => !isFinished(job),
    );
    const action = { client, resource: podResource, ownerResource: jobResource, owner: job };
    const owned = await claim(action, planned);
    if (job.metadata.deletionTimestamp !== undefined) {
      await untrackAll(owned);
      return done;
    }
    const plan = planJob(job, owned, clock.now());
    if (plan.isExpired) return expire(job, owned);
    await carryOut(job, plan);
    return plan.lookAgainMs === undefined ? done : requeueAfter(plan.lookAgainMs);
  }

  async function carryOut(job: Job, plan: JobPlan): Promise<void> {
    await writeStatus(job, plan);
    await untrackAll(plan.untrack);
    await Promise.all(plan.remove.map((pod) => remove(job, pod)));
    await untrackAll(plan.discard);
    await Promise.all(plan.discard.map((pod) => remove(job, pod)));
    const waiting = [...plan.create];
    const created = await slowStart(waiting.length, () => create(job, waiting.shift() ?? {}));
    if (created.error !== undefined && !isNamespaceTerminating(created.error)) throw created.error;
  }

  async function writeStatus(job: Job, { status, event }: JobPlan): Promise<void> {
    if (!deepEqual(job.status, status))
      // With the resourceVersion of the Job that was looked at: counts are never written over newer ones.
      await client.update(jobResource, { ...job, status }, { subresource: "status" });
    if (event !== undefined) events.record(job, event.type, event.reason, event.message);
  }

  async function create(job: Job, { index, indexFailures }: NewPod): Promise<void> {
    try {
      const pod = await client.create(podResource, podOfJob(job, index, indexFailures));
      ownWrites.note(keyOf(job), pod);
      events.record(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!isNamespaceTerminating(error))
        events.record(job, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async function remove(job: Job, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      const preconditions = uid === undefined ? {} : { uid };
      const left = await client.delete(podResource, parseKey(keyOf(pod)), { preconditions });
      ownWrites.note(keyOf(job), left);
      events.record(job, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      events.record(job, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  async function expire(job: Job, owned: readonly Pod[]): Promise<Result> {
    await untrackAll(owned);
    const { uid } = job.metadata;
    try {
      await client.delete(jobResource, parseKey(keyOf(job)), {
        propagationPolicy: "Foreground",
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  /** Pods of a Job of this name that is gone: nobody counts them any more. */
  async function releaseOrphans(key: string, job: Job | undefined): Promise<void> {
    const { namespace = "", name } = parseKey(key);
    const left = pods
      .byIndex(TRACKED_BY_JOB, `${namespace}/${name}`)
      .filter((pod) => controllerOf(pod)?.uid !== job?.metadata.uid);
    await untrackAll(left);
  }

  async function untrackAll(list: readonly Pod[]): Promise<void> {
    await Promise.all(list.filter(isTracked).map(untrack));
  }

  async function untrack(pod: Pod): Promise<void> {
    const finalizers = (pod.metadata.finalizers ?? []).filter(
      (name) => name !== TRACKING_FINALIZER,
    );
    const { uid, resourceVersion } = pod.metadata;
    const body = { metadata: { finalizers, uid, resourceVersion } } as unknown as JsonObject;
    try {
      await client.patch(podResource, parseKey(keyOf(pod)), { type: "merge", body });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  pods.addIndex(TRACKED_BY_JOB, (pod) => {
    const owner = controllerOf(pod);
    if (!isTracked(pod) || owner?.kind !== "Job") return [];
    return [`${pod.metadata.namespace ?? ""}/${owner.name}`];
  });

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

const TRACKED_BY_JOB = "tracked-by-job";

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
