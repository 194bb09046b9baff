/** Which pods a Job that goes on is to make and to delete. Pure. */
import type { Job } from "../../../kube/kinds/job.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { isReady } from "../replicaset/pod-state.ts";
import type { JobCounts } from "./job-counts.ts";
import { indexOf, stateOf } from "./job-pods.ts";
import { indexBackoff, nextPodAtMs } from "./pod-backoff.ts";

/** In one reconcile, as upstream; what is missing then follows in the next. */
const MAX_CREATED_AT_ONCE = 500;

export interface NewPod {
  readonly index?: number;
  readonly indexFailures?: number;
}
export interface PodWork {
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  readonly lookAgainMs?: number;
}

export function planPods(
  job: Job,
  pods: readonly Pod[],
  counts: JobCounts,
  nowMs: number,
): PodWork {
  return job.spec?.completionMode === "Indexed"
    ? planIndexed(job, pods, counts, nowMs)
    : planPlain(job, pods, counts, nowMs);
}

function planPlain(job: Job, pods: readonly Pod[], counts: JobCounts, nowMs: number): PodWork {
  const { parallelism = 1, completions } = job.spec ?? {};
  const active = pods.filter((pod) => stateOf(pod, job) === "active");
  const leaving = pods.filter((pod) => stateOf(pod, job) === "terminating").length;
  const succeeded = counts.succeeded + counts.uncountedSucceeded.length;
  // Without a number of completions, the first success says that there is nothing more to begin.
  const left =
    completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : completions - succeeded;
  const wanted = Math.min(parallelism, Math.max(0, left));
  if (active.length > wanted)
    return { create: [], remove: leastAdvanced(active, active.length - wanted) };
  const missing = wanted - active.length - leaving;
  if (missing <= 0) return { create: [], remove: [] };
  const waitMs = nextPodAtMs(job, pods) - nowMs;
  if (waitMs > 0) return { create: [], remove: [], lookAgainMs: waitMs };
  return {
    create: Array.from({ length: Math.min(missing, MAX_CREATED_AT_ONCE) }, () => ({})),
    remove: [],
  };
}

function planIndexed(job: Job, pods: readonly Pod[], counts: JobCounts, nowMs: number): PodWork {
  const { parallelism = 1, completions = 0, backoffLimitPerIndex } = job.spec ?? {};
  const { completed, failedIndexes } = counts;
  const byIndex = new Map<number, Pod[]>();
  const remove: Pod[] = [];
  const busy = new Map<number, Pod | undefined>();
  for (const pod of pods) {
    const index = indexOf(pod, completions);
    const state = stateOf(pod, job);
    if (index !== undefined) byIndex.set(index, [...(byIndex.get(index) ?? []), pod]);
    if (state === "terminating" && index !== undefined && !busy.has(index))
      busy.set(index, undefined);
    if (state !== "active") continue;
    // One pod for each index, and none for an index that is over or not the Job's.
    if (
      index === undefined ||
      completed.has(index) ||
      failedIndexes.has(index) ||
      busy.get(index) !== undefined
    )
      remove.push(pod);
    else busy.set(index, pod);
  }
  const remaining = completions - completed.size - failedIndexes.size;
  const wanted = Math.min(parallelism, Math.max(0, remaining));
  const kept = [...busy.values()].filter((pod) => pod !== undefined);
  if (kept.length > wanted) remove.push(...highestIndexes(kept, kept.length - wanted, completions));
  let missing = Math.min(wanted - busy.size, MAX_CREATED_AT_ONCE);
  if (missing <= 0) return { create: [], remove };
  const sharedWaitMs = backoffLimitPerIndex === undefined ? nextPodAtMs(job, pods) - nowMs : 0;
  if (sharedWaitMs > 0) return { create: [], remove, lookAgainMs: sharedWaitMs };
  const create: NewPod[] = [];
  const waits: number[] = [];
  for (let index = 0; index < completions && missing > 0; index++) {
    if (completed.has(index) || failedIndexes.has(index) || busy.has(index)) continue;
    const { failures, nextAtMs } =
      backoffLimitPerIndex === undefined ? FRESH : indexBackoff(job, byIndex.get(index) ?? []);
    if (nextAtMs > nowMs) {
      waits.push(nextAtMs - nowMs);
      continue;
    }
    create.push({ index, indexFailures: failures });
    missing--;
  }
  return { create, remove, ...(waits.length === 0 ? {} : { lookAgainMs: Math.min(...waits) }) };
}

const FRESH = { failures: 0, nextAtMs: 0 };

/** Pods that have done least so far: not ready before ready, younger before older. */
function leastAdvanced(pods: readonly Pod[], count: number): Pod[] {
  const created = (pod: Pod): string => pod.metadata.creationTimestamp ?? "";
  return [...pods]
    .sort((a, b) => Number(isReady(a)) - Number(isReady(b)) || created(b).localeCompare(created(a)))
    .slice(0, count);
}

function highestIndexes(pods: readonly Pod[], count: number, completions: number): Pod[] {
  const index = (pod: Pod): number => indexOf(pod, completions) ?? 0;
  return [...pods].sort((a, b) => index(b) - index(a)).slice(0, count);
}
