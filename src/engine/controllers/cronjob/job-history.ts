/** Which finished Jobs of a CronJob go: all but the newest few, successful and failed apart. Pure. */
import { isConditionTrue } from "../../../kube/conditions.ts";
import type { CronJob } from "../../../kube/kinds/cronjob.ts";
import type { Job } from "../../../kube/kinds/job.ts";

export function surplusHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const ended = (type: string): Job[] =>
    jobs.filter(
      ({ status, metadata }) =>
        isConditionTrue(status?.conditions, type) && metadata.deletionTimestamp === undefined,
    );
  return [
    ...surplus(ended("Complete"), spec?.successfulJobsHistoryLimit),
    ...surplus(ended("Failed"), spec?.failedJobsHistoryLimit),
  ];
}

function surplus(jobs: readonly Job[], limit = Number.POSITIVE_INFINITY): readonly Job[] {
  if (jobs.length <= limit) return [];
  return [...jobs].sort(byStart).slice(0, jobs.length - limit);
}

/** Those that never started are the newest. */
function byStart(a: Job, b: Job): number {
  const [left = "~", right = "~"] = [a.status?.startTime, b.status?.startTime];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
