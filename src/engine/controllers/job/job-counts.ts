/**
 * Counts how pods ended, each exactly once, whenever the controller stops in between
 * (KEP-2307): first a pod's uid is written into the status, then its finalizer goes, and when the
 * finalizer is gone the uid becomes a count.
 */
import type { Job } from "../../../kube/kinds/job.ts";
import { IndexSet } from "../../../kube/kinds/job/index-set.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type FailureVerdict, failureVerdict } from "./failure-policy.ts";
import { INDEX_FAILURES, indexOf, isTracked, stateOf } from "./job-pods.ts";

/** Uids in one status: it must stay small; the rest follows with the next write. */
const MAX_UNCOUNTED = 500;

export interface JobCounts {
  readonly succeeded: number;
  readonly failed: number;
  /** Uids of pods that ended and are not in the counts yet. */
  readonly uncountedSucceeded: readonly string[];
  readonly uncountedFailed: readonly string[];
  readonly completed: IndexSet;
  readonly failedIndexes: IndexSet;
  /** Pods whose end the status tells: their finalizer may go once it is stored. */
  readonly counted: readonly Pod[];
  /** The first rule of the failure policy that ends the whole Job. */
  readonly failJob: FailureVerdict | undefined;
}

export function countPods(job: Job, pods: readonly Pod[]): JobCounts {
  const { spec, status } = job;
  const limit = spec?.completions ?? 0;
  const isIndexed = spec?.completionMode === "Indexed";
  const before = status?.uncountedTerminatedPods ?? {};
  const held = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid ?? ""));
  const uncountedSucceeded = (before.succeeded ?? []).filter((uid) => held.has(uid));
  const uncountedFailed = (before.failed ?? []).filter((uid) => held.has(uid));
  const known = new Set([...uncountedSucceeded, ...uncountedFailed]);
  const completedNow: number[] = [];
  const failedNow: number[] = [];
  const counted: Pod[] = [];
  let failJob: FailureVerdict | undefined;
  for (const pod of pods) {
    const state = stateOf(pod, job);
    if (!isTracked(pod) || state === "active" || state === "terminating") continue;
    const uid = pod.metadata.uid ?? "";
    const verdict = state === "failed" ? failureVerdict(spec?.podFailurePolicy, pod) : undefined;
    if (verdict?.action === "FailJob") failJob ??= verdict;
    if (known.has(uid)) {
      counted.push(pod);
      continue;
    }
    if (uncountedSucceeded.length + uncountedFailed.length >= MAX_UNCOUNTED) continue;
    const index = isIndexed ? indexOf(pod, limit) : undefined;
    if (verdict === undefined) {
      if (!isIndexed) uncountedSucceeded.push(uid);
      else if (index !== undefined) completedNow.push(index);
    } else if (verdict.action !== "Ignore") {
      uncountedFailed.push(uid);
      if (index !== undefined && endsIndex(job, pod, verdict)) failedNow.push(index);
    }
    counted.push(pod);
  }
  const completed = IndexSet.read(status?.completedIndexes, limit).with(completedNow);
  const failedBefore = IndexSet.read(status?.failedIndexes, limit);
  return {
    succeeded: isIndexed
      ? completed.size
      : (status?.succeeded ?? 0) + (before.succeeded ?? []).filter((uid) => !held.has(uid)).length,
    failed: (status?.failed ?? 0) + (before.failed ?? []).filter((uid) => !held.has(uid)).length,
    uncountedSucceeded,
    uncountedFailed,
    completed,
    failedIndexes: failedBefore.with(failedNow.filter((index) => !completed.has(index))),
    counted,
    failJob,
  };
}

export function earlierFailures({ metadata }: Pod): number {
  const count = Number(metadata.annotations?.[INDEX_FAILURES] ?? 0);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

function endsIndex({ spec }: Job, pod: Pod, { action }: FailureVerdict): boolean {
  const limit = spec?.backoffLimitPerIndex;
  if (limit === undefined) return false;
  return action === "FailIndex" || earlierFailures(pod) >= limit;
}
