/** How long to wait before a failed pod is replaced: ten seconds, doubling (KEP-3850 for each index). */
import type { Job } from "../../../kube/kinds/job.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { earlierFailures } from "./job-counts.ts";
import { finishedAtMs, stateOf } from "./job-pods.ts";

const FIRST_MS = 10_000;
/** `MaxJobPodFailureBackOff` upstream. */
const LONGEST_MS = 10 * 60_000;

const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 30), LONGEST_MS);

/** When the next pod may be made, after the failures since the last success. Milliseconds. */
export function nextPodAtMs(job: Job, pods: readonly Pod[]): number {
  let lastSuccessMs = 0;
  const failures: number[] = [];
  for (const pod of pods) {
    const state = stateOf(pod, job);
    if (state === "succeeded") lastSuccessMs = Math.max(lastSuccessMs, finishedAtMs(pod));
    else if (state === "failed") failures.push(finishedAtMs(pod));
  }
  const since = failures.filter((time) => time > lastSuccessMs);
  return since.length === 0 ? 0 : Math.max(...since) + backoffMs(since.length);
}

export interface IndexBackoff {
  readonly failures: number;
  readonly nextAtMs: number;
}

/** The same for one index with a limit of its own. */
export function indexBackoff(job: Job, podsOfIndex: readonly Pod[]): IndexBackoff {
  const failed = podsOfIndex.filter((pod) => stateOf(pod, job) === "failed");
  const failures = Math.max(0, ...failed.map((pod) => earlierFailures(pod) + 1));
  const lastMs = Math.max(0, ...failed.map(finishedAtMs));
  return { failures, nextAtMs: failures === 0 ? 0 : lastMs + backoffMs(failures) };
}
