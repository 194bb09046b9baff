/** What may change in a Job once it exists. */
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { immutable, invalid, nonNegative } from "../field-problems.ts";
import type { Job as UpstreamJob } from "kubernetes-types/batch/v1";
import type { Live } from "../../object.ts";

type Job = Live<UpstreamJob>;

/** Scheduling may still be changed while a suspended Job has not started any pod. */
const SCHEDULING = ["nodeSelector", "affinity", "tolerations", "schedulingGates"] as const;

export function validateJobUpdate(next: Job, previous: Job): FieldError[] {
  const [spec, before] = [next.spec, previous.spec];
  return [
    ...validateCompletions(next, previous),
    ...immutable("spec.selector", spec?.selector, before?.selector),
    ...immutable("spec.template", comparable(next, previous), before?.template),
    ...immutable("spec.completionMode", spec?.completionMode, before?.completionMode),
    ...immutable("spec.podFailurePolicy", spec?.podFailurePolicy, before?.podFailurePolicy),
    ...immutable(
      "spec.backoffLimitPerIndex",
      spec?.backoffLimitPerIndex,
      before?.backoffLimitPerIndex,
    ),
    ...immutable("spec.managedBy", spec?.managedBy, before?.managedBy),
    ...immutable("spec.successPolicy", spec?.successPolicy, before?.successPolicy),
  ];
}

/** An indexed Job may be resized as a whole: completions and parallelism together. */
function validateCompletions({ spec }: Job, { spec: before }: Job): FieldError[] {
  if (spec?.completions === before?.completions) return [];
  const isElastic = spec?.completionMode === "Indexed" && before?.completions !== undefined;
  if (!isElastic) return immutable("spec.completions", spec?.completions, before?.completions);
  return spec.completions === spec.parallelism
    ? []
    : [
        invalid(
          "spec.completions",
          spec.completions,
          `can only be modified in tandem with spec.parallelism`,
        ),
      ];
}

/** The new template as it is compared: with the old scheduling where that may differ. */
function comparable(next: Job, previous: Job): unknown {
  const [template, before] = [next.spec?.template, previous.spec?.template];
  const isOpen = previous.spec?.suspend === true && previous.status?.startTime === undefined;
  if (!isOpen || template?.spec === undefined || before?.spec === undefined) return template;
  const spec: Record<string, unknown> = { ...template.spec };
  for (const field of SCHEDULING) {
    if (before.spec[field] === undefined) delete spec[field];
    else spec[field] = before.spec[field];
  }
  const sameLabels = deepEqual(template.metadata, before.metadata);
  return { ...template, ...(sameLabels ? {} : { metadata: before.metadata }), spec };
}

export function validateJobStatusUpdate({ status, spec }: Job, previous: Job): FieldError[] {
  if (status === undefined) return [];
  const names = ["active", "ready", "terminating", "succeeded", "failed"] as const;
  const errors = names.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const isTrue = (job: Job, type: string): boolean =>
    (job.status?.conditions ?? []).some((found) => found.type === type && found.status === "True");
  const next: Job = { ...previous, status };
  for (const type of ["Complete", "Failed"]) {
    if (isTrue(previous, type) && !isTrue(next, type))
      errors.push(invalid("status.conditions", type, "once true, cannot become anything else"));
  }
  if (isTrue(next, "Complete") && isTrue(next, "Failed"))
    errors.push(
      invalid("status.conditions", "", "cannot set Complete=True and Failed=True conditions"),
    );
  if (isTrue(next, "Complete") && status.completionTime === undefined)
    errors.push(
      invalid("status.completionTime", "", "completionTime is required for Complete jobs"),
    );
  if (spec?.completionMode !== "Indexed" && (status.completedIndexes ?? "") !== "")
    errors.push(
      invalid(
        "status.completedIndexes",
        status.completedIndexes,
        "cannot set non-empty completedIndexes when non-indexed completion mode",
      ),
    );
  return errors;
}
