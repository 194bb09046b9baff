/** Defaults of a JobSpec that depend on other fields (k8s.io/kubernetes/pkg/apis/batch/v1/defaults.go). */
import { podSpecDefaults } from "../pod-spec/defaults.ts";
import { type Rewrite, withDefaults } from "../rewrite.ts";

const BACKOFF_LIMIT = 6;
/** With a limit for each index, the one for the whole job only counts when it is given. */
const NO_BACKOFF_LIMIT = 2_147_483_647;

/** For the JobSpec at `path`: of a Job, or in the template of a CronJob. */
export function jobDefaults(path: string): readonly Rewrite[] {
  return [
    [
      path,
      (spec) =>
        isAbsent(spec["completions"]) && isAbsent(spec["parallelism"])
          ? withDefaults(spec, { completions: 1, parallelism: 1 })
          : withDefaults(spec, { parallelism: 1 }),
    ],
    [
      path,
      (spec) =>
        withDefaults(spec, {
          backoffLimit: isAbsent(spec["backoffLimitPerIndex"]) ? BACKOFF_LIMIT : NO_BACKOFF_LIMIT,
          completionMode: "NonIndexed",
          suspend: false,
          podReplacementPolicy: isAbsent(spec["podFailurePolicy"])
            ? "TerminatingOrFailed"
            : "Failed",
        }),
    ],
    ...podSpecDefaults(`${path}.template.spec`),
  ];
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
