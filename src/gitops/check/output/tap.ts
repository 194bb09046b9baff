/** The Test Anything Protocol, one test per object. */
import { printableText } from "../../../kube/printable-text.ts";
import type { ValidatedResource, ValidationReport } from "../validate-paths.ts";
import { problemsOf } from "./summary.ts";

export function formatTap(report: ValidationReport): string {
  const lines = report.resources.map((resource, at) => testLine(resource, at + 1));
  return `${["TAP version 13", ...lines, `1..${lines.length}`].join("\n")}\n`;
}

function testLine(resource: ValidatedResource, number: number): string {
  const { file, object, status } = resource;
  const subject =
    object === undefined
      ? ""
      : ` (${object.apiVersion}/${object.kind}/${object.namespace ?? ""}/${object.name})`;
  // A hash would begin a directive.
  const name = oneLine(`${file}${subject}`).replaceAll("#", "\\#");
  if (status === "valid") return `ok ${number} - ${name}`;
  if (status === "skipped") return `ok ${number} - ${name} # skip no schema`;
  return `not ok ${number} - ${name}: ${oneLine(problemsOf(resource)).replaceAll("#", "\\#")}`;
}

function oneLine(text: string): string {
  return printableText(text.replace(/\p{Cc}+/gu, " "));
}
