/** For people: each finding with its line and a caret, then what to do. */
import { printableLine, printableText } from "../../../kube/printable-text.ts";
import type { Finding } from "../finding.ts";
import type { ValidationReport } from "../validate-paths.ts";
import { countStatus } from "./summary.ts";

export interface TextOptions {
  /** @default false */
  readonly color?: boolean;
}

/** SGR parameters; 39 and 22 switch back. */
const STYLES = {
  error: [31, 39],
  warning: [33, 39],
  info: [34, 39],
  bold: [1, 22],
  dim: [2, 22],
} as const;

export function formatText(report: ValidationReport, options: TextOptions = {}): string {
  const paint = options.color === true ? styled : plain;
  const findings = report.findings.map((finding) => formatOne(finding, report, paint));
  return [...findings, summaryLine(report)].join("\n");
}

type Paint = (style: keyof typeof STYLES, text: string) => string;

const plain: Paint = (_, text) => text;
const styled: Paint = (style, text) => {
  const [on, off] = STYLES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

function formatOne(finding: Finding, { source }: ValidationReport, paint: Paint): string {
  const { severity, rule, message, file, line, column, object } = finding;
  const number = String(line);
  const margin = " ".repeat(number.length);
  const bar = paint("dim", "|");
  const of = object === undefined ? "" : ` (${printableLine(`${object.kind} ${object.name}`)})`;
  const lines = [
    `${paint(severity, `${severity}[${rule}]`)}: ${paint("bold", printableText(message))}`,
    `${margin}${paint("dim", "-->")} ${printableLine(file)}:${line}:${column}${of}`,
  ];
  const text = source.lineAt(file, line, finding.hidesValue);
  if (text !== undefined && text.trim() !== "") {
    lines.push(`${margin} ${bar}`);
    lines.push(`${number} ${bar} ${text}`);
    lines.push(`${margin} ${bar} ${indentTo(text, column)}${paint(severity, "^")}`);
  }
  for (const related of finding.related ?? [])
    lines.push(
      `${margin} ${paint("dim", "=")} ${printableText(related.message)}: ${printableLine(related.file)}:${related.line}:${related.column}`,
    );
  if (finding.suggestion !== undefined)
    lines.push(`${margin} ${paint("dim", "=")} help: ${printableText(finding.suggestion)}`);
  return `${lines.join("\n")}\n`;
}

/** Keeps tabs, so that the caret stands below its character whatever a tab is worth. */
function indentTo(text: string, column: number): string {
  return text.slice(0, column - 1).replace(/[^\t]/g, " ");
}

function summaryLine(report: ValidationReport): string {
  const { valid, invalid, errors, skipped } = countStatus(report);
  const objects = report.resources.length;
  const parts = [`${valid} valid`, `${invalid} invalid`, `${errors} with errors`];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  const warnings = report.findings.filter(({ severity }) => severity === "warning").length;
  if (warnings > 0) parts.push(counted(warnings, "warning"));
  return `${counted(objects, "object")} in ${counted(report.files, "file")}: ${parts.join(", ")}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
