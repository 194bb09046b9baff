/** The Jobs that a CronJob makes. */
import type { ObjectReference } from "kubernetes-types/core/v1";
import { type CronJob, cronJobs } from "../../../kube/kinds/cronjob.ts";
import type { Job } from "../../../kube/kinds/job.ts";
import { controllerReference } from "../ownership/owner-reference.ts";
import { formatIn } from "./scheduled-times.ts";

const SCHEDULED_TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/** One name for each minute, so that none is made twice. */
export function jobName({ metadata }: CronJob, scheduledMs: number): string {
  return `${metadata.name}-${Math.floor(scheduledMs / 60_000)}`;
}

export function jobOfCronJob(cronJob: CronJob, scheduledMs: number): Job {
  const { metadata: template = {}, spec } = cronJob.spec?.jobTemplate ?? {};
  const { namespace } = cronJob.metadata;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobName(cronJob, scheduledMs),
      ...(namespace === undefined ? {} : { namespace }),
      ...(template.labels === undefined ? {} : { labels: template.labels }),
      annotations: {
        ...template.annotations,
        [SCHEDULED_TIMESTAMP]: formatIn(cronJob.spec?.timeZone, scheduledMs),
      },
      ownerReferences: [controllerReference(cronJobs, cronJob)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

export function referenceTo({ apiVersion, kind, metadata }: Job): ObjectReference {
  const { namespace = "", name, uid = "", resourceVersion = "" } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
