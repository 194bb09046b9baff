/** Workflow commands of GitHub Actions: annotations in the changed files of a pull request. */
import { printableText } from "../../../kube/printable-text.ts";
import type { Finding, Severity } from "../finding.ts";
import type { ValidationReport } from "../validate-paths.ts";

const COMMANDS: Readonly<Record<Severity, string>> = {
  error: "error",
  warning: "warning",
  info: "notice",
};

export function formatGithub({ findings }: ValidationReport): string {
  return findings.map(annotation).join("");
}

function annotation(finding: Finding): string {
  const { severity, rule, message, suggestion, file, line, column } = finding;
  const properties = [
    `file=${escapeProperty(file)}`,
    `line=${line}`,
    `col=${column}`,
    `title=${escapeProperty(rule)}`,
  ];
  const text = suggestion === undefined ? message : `${message}. ${suggestion}`;
  return `::${COMMANDS[severity]} ${properties.join(",")}::${escapeData(text)}\n`;
}

function escapeData(text: string): string {
  return printableText(text).replaceAll("%", "%25").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
