/** SARIF 2.1.0, for code scanning. */
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { printableJson } from "../../../kube/printable-text.ts";
import type { Finding, Place, Severity } from "../finding.ts";
import type { ValidationReport } from "../validate-paths.ts";

const LEVELS: Readonly<Record<Severity, string>> = {
  error: "error",
  warning: "warning",
  info: "note",
};

export function formatSarif({ findings }: ValidationReport): string {
  const rules = [...new Set(findings.map(({ rule }) => rule))].sort();
  const document = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "gantry",
            rules: rules.map((id) => ({ id, name: ruleName(id), shortDescription: { text: id } })),
          },
        },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => resultOf(finding, rules)),
      },
    ],
  };
  return `${printableJson(JSON.stringify(document, undefined, 2))}\n`;
}

function resultOf(finding: Finding, rules: readonly string[]): object {
  const { rule, severity, message, suggestion, path, object, related = [] } = finding;
  const logical = path === undefined ? [] : [{ fullyQualifiedName: path, kind: "member" as const }];
  const subject = object === undefined ? "" : ` [${object.kind} ${object.name}]`;
  return {
    ruleId: rule,
    ruleIndex: rules.indexOf(rule),
    level: LEVELS[severity],
    message: { text: `${message}${subject}${suggestion === undefined ? "" : `. ${suggestion}`}` },
    locations: [
      { ...locationOf(finding), ...(logical.length > 0 && { logicalLocations: logical }) },
    ],
    ...(related.length > 0 && {
      relatedLocations: related.map((place) => ({
        ...locationOf(place),
        message: { text: place.message },
      })),
    }),
  };
}

function locationOf({ file, line, column }: Place): object {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file) },
      region: { startLine: line, startColumn: column },
    },
  };
}

function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
}

/** `schema/unknown-field` as `SchemaUnknownField`, which viewers show. */
function ruleName(id: string): string {
  return id.replace(/(?:^|[/-])([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
