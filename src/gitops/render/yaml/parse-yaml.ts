/**
 * YAML to JSON values as kubectl does it, on top of the `yaml` library's syntax tree: the library
 * says what is written, this file says what it means.
 */
import { type Document, type ParsedNode, parseAllDocuments, type YAMLError } from "yaml";
import type { Json } from "../../../kube/object.ts";
import { parseSimpleYaml } from "./simple-yaml.ts";
import { syntaxProblem } from "./syntax-problem.ts";
import { TreeConverter } from "./tree-converter.ts";
import {
  DEFAULT_YAML_LIMITS,
  type YamlDocument,
  type YamlLimits,
  type YamlProblem,
  type YamlStream,
} from "./yaml-document.ts";

/** As in go-yaml: all but tab and the line ends (0x85 is one of them). */
const CONTROL_CHARACTER = /[^\P{Cc}\t\n\r\u0085]/u;

export type SyntaxDocument = Document.Parsed<ParsedNode>;

/**
 * The syntax trees of a text: scalars stay text, tags stay names, nothing is resolved.
 * @throws RangeError when collections nest so deep that the call stack ends
 */
export function syntaxDocuments(text: string): readonly SyntaxDocument[] {
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    resolveKnownTags: false,
    uniqueKeys: false,
    keepSourceTokens: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return Array.isArray(documents) ? (documents as SyntaxDocument[]) : [];
}

/** Reads every document; one that is broken does not hide the others. */
export function parseYaml(text: string, limits: YamlLimits = DEFAULT_YAML_LIMITS): YamlStream {
  const documents = parseSimpleYaml(text, limits);
  return documents === undefined ? parseFullYaml(text, limits) : { documents, problems: [] };
}

/** The same, for every text there is. */
export function parseFullYaml(text: string, limits: YamlLimits): YamlStream {
  const control = CONTROL_CHARACTER.exec(text);
  if (control !== null) return { documents: [], problems: [controlCharacter(control)] };
  let documents: readonly SyntaxDocument[];
  try {
    documents = syntaxDocuments(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { documents: [], problems: [tooDeep(limits)] };
  }
  const problems: YamlProblem[] = [];
  if (documents.length > limits.maxDocuments) {
    problems.push(tooManyDocuments(limits.maxDocuments));
    return { documents: [], problems };
  }
  return {
    documents: documents.map((document) => read(document, text, limits, problems)),
    problems,
  };
}

function read(
  document: SyntaxDocument,
  text: string,
  limits: YamlLimits,
  problems: YamlProblem[],
): YamlDocument {
  const [begin, , end] = document.range;
  const start = document.contents?.range[0] ?? begin;
  const place = { start, range: [begin, end] as const };
  const first = firstError(document.errors);
  if (first !== undefined) {
    // What follows the first error is mostly its echo.
    problems.push(
      first.code === "RESOURCE_EXHAUSTION"
        ? tooDeep(limits, first.pos[0])
        : syntaxProblem(first, text),
    );
    return { ...place, value: undefined };
  }
  if (document.contents === null) return { ...place, value: null };
  const converter = new TreeConverter(limits);
  const value: Json = converter.convert(document.contents);
  problems.push(...converter.problems);
  const failed = converter.problems.some((problem) => problem.severity === "error");
  return { ...place, value: failed ? undefined : value };
}

function firstError(errors: readonly YAMLError[]): YAMLError | undefined {
  return errors.toSorted((a, b) => a.pos[0] - b.pos[0])[0];
}

function controlCharacter(match: RegExpExecArray): YamlProblem {
  const code = match[0].charCodeAt(0).toString(16).padStart(2, "0");
  return {
    severity: "error",
    rule: "yaml/control-character",
    message: `the control character 0x${code} is not allowed`,
    offset: match.index,
    suggestion: 'Remove it, or write it as an escape in a "quoted" value',
  };
}

function tooDeep({ maxDepth }: YamlLimits, offset = 0): YamlProblem {
  return {
    severity: "error",
    rule: "yaml/too-deep",
    message: `lists and maps nest deeper than ${maxDepth} levels`,
    offset,
    suggestion: "Flatten the document: no Kubernetes object needs this",
  };
}

function tooManyDocuments(maxDocuments: number): YamlProblem {
  return {
    severity: "error",
    rule: "yaml/too-many-documents",
    message: `the file has more than ${maxDocuments} documents`,
    offset: 0,
    suggestion: "Split the file",
  };
}
