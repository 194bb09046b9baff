/** The shape of kubeconform's `-output json`, with all findings beside it. */
import { printableJson } from "../../../kube/printable-text.ts";
import type { ValidatedResource, ValidationReport } from "../validate-paths.ts";
import { countStatus, problemsOf } from "./summary.ts";

export interface JsonOptions {
  /** List valid and skipped resources, too. @default false */
  readonly verbose?: boolean;
}

const STATUS: Readonly<Record<ValidatedResource["status"], string>> = {
  valid: "statusValid",
  invalid: "statusInvalid",
  error: "statusError",
  skipped: "statusSkipped",
};

export function formatJson(report: ValidationReport, options: JsonOptions = {}): string {
  const listed = report.resources.filter(
    ({ status }) => options.verbose === true || status === "invalid" || status === "error",
  );
  const document = {
    resources: listed.map(resourceJson),
    summary: countStatus(report),
    findings: report.findings,
  };
  return `${printableJson(JSON.stringify(document, undefined, 2))}\n`;
}

function resourceJson(resource: ValidatedResource): object {
  const { file, object, status, findings } = resource;
  return {
    filename: file,
    kind: object?.kind ?? "",
    name: object?.name ?? "",
    version: object?.apiVersion ?? "",
    status: STATUS[status],
    msg: problemsOf(resource),
    validationErrors: findings
      .filter(({ severity, path }) => severity === "error" && path !== undefined)
      .map(({ path = "", message }) => ({ path: jsonPointer(path), msg: message })),
  };
}

/** `spec.containers[0].image` as `/spec/containers/0/image`. */
export function jsonPointer(fieldPath: string): string {
  const segments = fieldPath.matchAll(/\[([^\]]*)\]|[^.[\]]+/g);
  return [...segments]
    .map(([whole, bracketed]) => (bracketed ?? whole).replaceAll("~", "~0").replaceAll("/", "~1"))
    .map((segment) => `/${segment}`)
    .join("");
}
