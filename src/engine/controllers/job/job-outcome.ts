/** Whether a Job is to end, and why. Pure. */
import type { Job } from "../../../kube/kinds/job.ts";
import { IndexSet } from "../../../kube/kinds/job/index-set.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { JobCounts } from "./job-counts.ts";
import { restartsOf } from "./job-pods.ts";

export interface Outcome {
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

const failure = (reason: string, message: string): Outcome => ({
  type: "FailureTarget",
  reason,
  message,
});

/** Undefined: it goes on. Reasons and messages are upstream's. */
export function outcomeOf(
  job: Job,
  active: readonly Pod[],
  counts: JobCounts,
  nowMs: number,
): Outcome | undefined {
  return failureOf(job, active, counts, nowMs) ?? successOf(job, active, counts);
}

function failureOf(
  { spec, status }: Job,
  active: readonly Pod[],
  counts: JobCounts,
  nowMs: number,
): Outcome | undefined {
  const { failJob, failedIndexes, completed } = counts;
  if (failJob !== undefined) return failure("PodFailurePolicy", failJob.message);
  const limit = spec?.backoffLimit ?? 0;
  const failed = counts.failed + counts.uncountedFailed.length;
  if (failed > limit || isBeyondRestarts(spec, active, limit))
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  const deadlineMs = deadlineOf(spec, status);
  if (deadlineMs !== undefined && nowMs >= deadlineMs)
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  if (failedIndexes.size === 0) return undefined;
  if (spec?.maxFailedIndexes !== undefined && failedIndexes.size > spec.maxFailedIndexes)
    return failure(
      "MaxFailedIndexesExceeded",
      "Job has exceeded the specified maximal number of failed indexes",
    );
  return failedIndexes.size + completed.size >= (spec?.completions ?? 0)
    ? failure("FailedIndexes", "Job has failed indexes")
    : undefined;
}

/** With `OnFailure` the pods stay, and their containers' restarts are the failures. */
function isBeyondRestarts(spec: Job["spec"], active: readonly Pod[], limit: number): boolean {
  if (spec?.template.spec?.restartPolicy !== "OnFailure") return false;
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod), 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** When the Job has been active for too long; undefined without such a limit. */
export function deadlineOf(spec: Job["spec"], status: Job["status"]): number | undefined {
  const startedMs = Date.parse(status?.startTime ?? "");
  const seconds = spec?.activeDeadlineSeconds;
  return seconds === undefined || Number.isNaN(startedMs) ? undefined : startedMs + seconds * 1_000;
}

function successOf({ spec }: Job, active: readonly Pod[], counts: JobCounts): Outcome | undefined {
  const rules = spec?.successPolicy?.rules ?? [];
  const completions = spec?.completions;
  for (const [at, { succeededIndexes, succeededCount }] of rules.entries()) {
    const wanted = IndexSet.read(succeededIndexes, completions ?? 0);
    const done =
      succeededIndexes === undefined ? counts.completed.size : counts.completed.sizeWithin(wanted);
    const needed = succeededCount ?? wanted.size;
    if (done >= needed)
      return {
        type: "SuccessCriteriaMet",
        reason: "SuccessPolicy",
        message: `Matched rules at index ${at}`,
      };
  }
  const succeeded =
    spec?.completionMode === "Indexed"
      ? counts.completed.size
      : counts.succeeded + counts.uncountedSucceeded.length;
  const isComplete =
    completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions;
  return isComplete
    ? {
        type: "SuccessCriteriaMet",
        reason: "CompletionsReached",
        message: "Reached expected number of succeeded pods",
      }
    : undefined;
}
