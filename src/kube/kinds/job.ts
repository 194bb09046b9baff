import type { Job as UpstreamJob } from "kubernetes-types/batch/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn, UNKNOWN } from "./columns.ts";
import { humanDuration } from "./human-duration.ts";
import { jobDefaults } from "./job/defaults.ts";
import { withGeneratedSelector } from "./job/generated-selector.ts";
import { validateJob } from "./job/validate-job.ts";
import { validateJobStatusUpdate, validateJobUpdate } from "./job/validate-job-update.ts";
import { podTemplateWarnings, templateColumns } from "./pod-template.ts";
import { rewrite } from "./rewrite.ts";

export type Job = Live<UpstreamJob>;

export const jobs: Kind<Job> = {
  group: "batch",
  version: "v1",
  kind: "Job",
  plural: "jobs",
  singular: "job",
  namespaced: true,
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("batch/v1", "Job");
  },
  columns: [
    nameColumn,
    textColumn("Status", "State that the conditions tell.", statusOf),
    textColumn("Completions", "Pods that succeeded of those wanted.", completionsOf),
    textColumn("Duration", "Time from the start to the completion.", (job, { nowMs }) =>
      durationOf(job, nowMs),
    ),
    ageColumn,
    ...templateColumns,
  ],
  selectableFields: { "status.successful": ({ status }) => String(status?.succeeded ?? 0) },
  strategy: {
    validateName: dns1123Subdomain,
    prepareForCreate: withGeneratedSelector,
    default: (job) => rewrite(job, jobDefaults("spec")),
    validate: validateJob,
    validateUpdate: validateJobUpdate,
    validateStatusUpdate: validateJobStatusUpdate,
    // As upstream: pods of jobs deleted by old clients are kept, those of batch/v1 go with the job.
    warnings: podTemplateWarnings,
  },
};

function statusOf({ spec, status, metadata }: Job): string {
  const has = (type: string): boolean =>
    (status?.conditions ?? []).some((found) => found.type === type && found.status === "True");
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended") || spec?.suspend === true) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  return has("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 1;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return "";
  const endMs = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  const durationMs = endMs - Date.parse(status.startTime);
  return Number.isNaN(durationMs) ? UNKNOWN : humanDuration(durationMs);
}
