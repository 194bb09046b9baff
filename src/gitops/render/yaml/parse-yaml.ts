/**
 * YAML to JSON values as kubectl does it, on top of the `yaml` library's syntax tree: the library
 * says what is written, this file says what it means.
 */
import { type Document, type ParsedNode, parseAllDocuments, type YAMLError } from "yaml";
import type { Json } from "../../../kube/object.ts";
import { syntaxProblem } from "./syntax-problem.ts";
import { TreeConverter } from "./tree-converter.ts";
import {
  DEFAULT_YAML_LIMITS,
  type YamlDocument,
  type YamlLimits,
  type YamlProblem,
  type YamlStream,
} from "./yaml-document.ts";

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
    problems.push(syntaxProblem(first, text));
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

export function tooDeep({ maxDepth }: YamlLimits, offset = 0): YamlProblem {
  return {
    severity: "error",
    rule: "yaml/too-deep",
    message: `lists and maps nest deeper than ${maxDepth} levels`,
    offset,
    suggestion: "Flatten the document: no Kubernetes object needs this",
  };
}

export function tooManyDocuments(maxDocuments: number): YamlProblem {
  return {
    severity: "error",
    rule: "yaml/too-many-documents",
    message: `the file has more than ${maxDocuments} documents`,
    offset: 0,
    suggestion: "Split the file",
  };
}
