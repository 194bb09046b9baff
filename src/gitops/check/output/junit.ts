/** JUnit XML: a suite per file, a case per object. Without times, so that equal input gives equal output. */
import { printableText } from "../../../kube/printable-text.ts";
import type { ValidatedResource, ValidationReport } from "../validate-paths.ts";
import { countStatus, problemsOf } from "./summary.ts";

export function formatJunit(report: ValidationReport): string {
  const suites = new Map<string, ValidatedResource[]>();
  for (const resource of report.resources)
    suites.set(resource.file, [...(suites.get(resource.file) ?? []), resource]);
  const { invalid, errors } = countStatus(report);
  const head = `<testsuites name="gantry" tests="${report.resources.length}" failures="${invalid}" errors="${errors}" disabled="0">`;
  const body = [...suites].map(([file, resources], at) => suite(file, resources, at + 1));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${body.join("")}</testsuites>\n`;
}

function suite(file: string, resources: readonly ValidatedResource[], id: number): string {
  const count = (status: ValidatedResource["status"]): number =>
    resources.filter((resource) => resource.status === status).length;
  const counts = `tests="${resources.length}" failures="${count("invalid")}" errors="${count("error")}" skipped="${count("skipped")}"`;
  const cases = resources.map(testCase).join("");
  return `  <testsuite name="${escapeXml(file)}" id="${id}" package="gantry" ${counts}>\n${cases}  </testsuite>\n`;
}

function testCase(resource: ValidatedResource): string {
  const { object, status } = resource;
  const name = escapeXml(object?.name ?? resource.file);
  const className = object === undefined ? "file" : `${object.kind}@${object.apiVersion}`;
  const open = `    <testcase name="${name}" classname="${escapeXml(className)}"`;
  if (status === "valid") return `${open}/>\n`;
  if (status === "skipped") return `${open}><skipped/></testcase>\n`;
  const element = status === "error" ? "error" : "failure";
  const details = escapeXml(problemsOf(resource));
  return `${open}><${element} message="${details}" type="${resource.findings[0]?.rule ?? ""}"></${element}></testcase>\n`;
}

function escapeXml(text: string): string {
  return printableText(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}
