/** Rules of a JobSpec (k8s.io/kubernetes/pkg/apis/batch/validation). */
import type { JobSpec } from "kubernetes-types/batch/v1";
import type { FieldError } from "../../field-error.ts";
import { dns1123Label } from "../../names.ts";
import {
  forbidden,
  invalid,
  nonNegative,
  notSupported,
  oneOf,
  required,
} from "../field-problems.ts";
import type { Job as UpstreamJob } from "kubernetes-types/batch/v1";
import type { Live } from "../../object.ts";
import { validatePodTemplate } from "../pod-template.ts";
import { validateWorkloadSelector } from "../selector-rules.ts";
import { CONTROLLER_UID_LABEL } from "./generated-selector.ts";
import { validatePodFailurePolicy } from "./validate-pod-failure-policy.ts";
import { validateSuccessPolicy } from "./validate-success-policy.ts";

type Job = Live<UpstreamJob>;

/** Indexes of pods are kept in the status as a text of ranges: it must stay storable. */
const MAX_PARALLELISM_INDEXED = 100_000;
const MAX_COMPLETIONS_OF_LARGE = 100_000;
const MAX_PARALLELISM_OF_LARGE = 10_000;
const MAX_NAME_LENGTH = 63;

export function validateJob(job: Job): FieldError[] {
  const { spec, metadata } = job;
  if (spec === undefined) return [required("spec")];
  const labels = spec.template?.metadata?.labels ?? {};
  const errors = validateSelector(job, labels);
  errors.push(...validateJobSpec(spec, "spec"));
  if (spec.completionMode === "Indexed" && spec.completions !== undefined) {
    const longest = `${metadata.name}-${Math.max(0, spec.completions - 1)}`;
    if (longest.length > MAX_NAME_LENGTH || dns1123Label(longest).length > 0)
      errors.push(
        invalid(
          "metadata.name",
          metadata.name,
          `the host names of its pods, such as ${longest}, must be DNS labels of at most ${MAX_NAME_LENGTH} characters`,
        ),
      );
  }
  return errors;
}

/** A Job that is not stored yet, as in a repository, has none: the API server makes it. */
function validateSelector(job: Job, labels: Readonly<Record<string, string>>): FieldError[] {
  const { spec, metadata } = job;
  if (spec?.manualSelector === true) return validateWorkloadSelector(spec.selector, labels, "job");
  if (metadata.uid === undefined) return [];
  return [...validateWorkloadSelector(spec?.selector, labels, "job"), ...generated(job)];
}

function generated({ spec, metadata }: Job): FieldError[] {
  const found = spec?.selector?.matchLabels?.[CONTROLLER_UID_LABEL];
  return found === metadata.uid || metadata.uid === undefined
    ? []
    : [invalid("spec.selector", found, "`selector` not auto-generated")];
}

/** For the JobSpec at `field`, without its selector. */
export function validateJobSpec(spec: JobSpec, field: string): FieldError[] {
  const isIndexed = spec.completionMode === "Indexed";
  const errors = [
    ...nonNegative(`${field}.parallelism`, spec.parallelism),
    ...nonNegative(`${field}.completions`, spec.completions),
    ...nonNegative(`${field}.activeDeadlineSeconds`, spec.activeDeadlineSeconds),
    ...nonNegative(`${field}.backoffLimit`, spec.backoffLimit),
    ...nonNegative(`${field}.ttlSecondsAfterFinished`, spec.ttlSecondsAfterFinished),
    ...nonNegative(`${field}.backoffLimitPerIndex`, spec.backoffLimitPerIndex),
    ...nonNegative(`${field}.maxFailedIndexes`, spec.maxFailedIndexes),
    ...oneOf(`${field}.completionMode`, spec.completionMode, ["Indexed", "NonIndexed"]),
    ...oneOf(`${field}.podReplacementPolicy`, spec.podReplacementPolicy, [
      "Failed",
      "TerminatingOrFailed",
    ]),
    ...validatePodTemplate(spec.template, `${field}.template`),
    ...validateRestartPolicy(spec, field),
    ...(isIndexed ? validateIndexed(spec, field) : validateNotIndexed(spec, field)),
  ];
  if (spec.podFailurePolicy !== undefined)
    errors.push(...validatePodFailurePolicy(spec, `${field}.podFailurePolicy`));
  if (spec.successPolicy !== undefined)
    errors.push(...validateSuccessPolicy(spec, `${field}.successPolicy`));
  return errors;
}

function validateRestartPolicy(
  { template, podFailurePolicy }: JobSpec,
  field: string,
): FieldError[] {
  const path = `${field}.template.spec.restartPolicy`;
  const policy = template?.spec?.restartPolicy ?? "Always";
  if (policy !== "OnFailure" && policy !== "Never")
    return [
      policy === "Always"
        ? required(path, 'valid values: "OnFailure", "Never"')
        : notSupported(path, policy, ["OnFailure", "Never"]),
    ];
  return podFailurePolicy !== undefined && policy !== "Never"
    ? [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
}

function validateIndexed(spec: JobSpec, field: string): FieldError[] {
  const { completions, parallelism = 1, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  if (completions === undefined)
    return [required(`${field}.completions`, "when completion mode is Indexed")];
  if (parallelism > MAX_PARALLELISM_INDEXED)
    errors.push(
      invalid(
        `${field}.parallelism`,
        parallelism,
        `must be less than or equal to ${MAX_PARALLELISM_INDEXED} when completion mode is Indexed`,
      ),
    );
  if (backoffLimitPerIndex === undefined) {
    if (maxFailedIndexes !== undefined)
      errors.push(required(`${field}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
    return errors;
  }
  if (maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    errors.push(
      invalid(
        `${field}.maxFailedIndexes`,
        maxFailedIndexes,
        "must be less than or equal to completions",
      ),
    );
  if (completions > MAX_COMPLETIONS_OF_LARGE && (maxFailedIndexes ?? 0) > MAX_PARALLELISM_OF_LARGE)
    errors.push(
      invalid(
        `${field}.maxFailedIndexes`,
        maxFailedIndexes,
        `must be less than or equal to ${MAX_PARALLELISM_OF_LARGE} with so many completions`,
      ),
    );
  return errors;
}

function validateNotIndexed(spec: JobSpec, field: string): FieldError[] {
  const only = "is only for completion mode Indexed";
  return [
    ...(spec.backoffLimitPerIndex === undefined
      ? []
      : [forbidden(`${field}.backoffLimitPerIndex`, only)]),
    ...(spec.maxFailedIndexes === undefined ? [] : [forbidden(`${field}.maxFailedIndexes`, only)]),
    ...(spec.successPolicy === undefined ? [] : [forbidden(`${field}.successPolicy`, only)]),
  ];
}
