/** Rules of a CronJob (k8s.io/kubernetes/pkg/apis/batch/validation). */
import type { CronJobSpec, CronJob as UpstreamCronJob } from "kubernetes-types/batch/v1";
import type { FieldError } from "../../field-error.ts";
import type { Live } from "../../object.ts";
import { invalid, nonNegative, notSupported, required } from "../field-problems.ts";
import { validateJobSpec } from "../job/validate-job.ts";
import { validateAnnotations, validateLabels } from "../metadata.ts";
import { parseSchedule, ScheduleError } from "./schedule.ts";
import { timeZoneProblem } from "./time-zone.ts";

type CronJob = Live<UpstreamCronJob>;

/** Jobs are named after it, with eleven characters for the time. */
const MAX_NAME_LENGTH = 52;

export function validateCronJob(cronJob: CronJob): FieldError[] {
  const { spec, metadata } = cronJob;
  if (spec === undefined) return [required("spec")];
  return [...validateNameLength(metadata.name), ...validateSpec(spec)];
}

function validateNameLength(name: string): FieldError[] {
  return name.length > MAX_NAME_LENGTH
    ? [invalid("metadata.name", name, `must be no more than ${MAX_NAME_LENGTH} characters`)]
    : [];
}

function validateSpec(spec: CronJobSpec): FieldError[] {
  const { schedule, timeZone, jobTemplate } = spec;
  const zone = timeZone === undefined ? undefined : timeZoneProblem(timeZone);
  return [
    ...validateSchedule(schedule, timeZone),
    ...nonNegative("spec.startingDeadlineSeconds", spec.startingDeadlineSeconds),
    ...(zone === undefined ? [] : [invalid("spec.timeZone", timeZone, zone)]),
    ...nonNegative("spec.successfulJobsHistoryLimit", spec.successfulJobsHistoryLimit),
    ...nonNegative("spec.failedJobsHistoryLimit", spec.failedJobsHistoryLimit),
    ...validateJobTemplate(jobTemplate),
  ];
}

function validateSchedule(schedule: string, timeZone: string | undefined): FieldError[] {
  const field = "spec.schedule";
  if (schedule === "") return [required(field)];
  if (schedule.includes("TZ")) {
    const detail =
      timeZone === undefined
        ? "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        : "cannot use both timeZone field and TZ or CRON_TZ in schedule";
    return [invalid(field, schedule, detail)];
  }
  try {
    parseSchedule(schedule);
    return [];
  } catch (error) {
    if (error instanceof ScheduleError) return [invalid(field, schedule, error.message)];
    throw error;
  }
}

function validateJobTemplate(template: CronJobSpec["jobTemplate"]): FieldError[] {
  const field = "spec.jobTemplate";
  const { spec, metadata } = template;
  if (spec === undefined) return [required(`${field}.spec`)];
  const errors = [
    ...validateLabels(metadata?.labels, `${field}.metadata.labels`),
    ...validateAnnotations(metadata?.annotations, `${field}.metadata.annotations`),
    ...validateJobSpec(spec, `${field}.spec`),
  ];
  if (spec.selector !== undefined)
    errors.push(
      invalid(`${field}.spec.selector`, spec.selector, "`selector` will be auto-generated"),
    );
  if (spec.manualSelector === true)
    errors.push(notSupported(`${field}.spec.manualSelector`, true, ["nil", "false"]));
  return errors;
}
