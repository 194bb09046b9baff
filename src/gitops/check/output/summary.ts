/** How many objects are what. */
import type { ValidatedResource, ValidationReport } from "../validate-paths.ts";

export interface Summary {
  readonly valid: number;
  readonly invalid: number;
  readonly errors: number;
  readonly skipped: number;
}

export function countStatus({ resources }: ValidationReport): Summary {
  const count = (status: ValidatedResource["status"]): number =>
    resources.filter((resource) => resource.status === status).length;
  return {
    valid: count("valid"),
    invalid: count("invalid"),
    errors: count("error"),
    skipped: count("skipped"),
  };
}

/** What is wrong with a resource, in one line. */
export function problemsOf({ findings }: ValidatedResource): string {
  return findings
    .filter(({ severity }) => severity === "error")
    .map(({ message, line, column }) => `${line}:${column}: ${message}`)
    .join("; ");
}
