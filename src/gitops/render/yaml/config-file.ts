/** A YAML file of configuration, such as `kustomization.yaml`: its value, and where its fields stand. */
import type { Finding, Position } from "../../check/finding.ts";
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";
import { decodeText } from "./decode-text.ts";
import { FieldPositions } from "./field-position.ts";
import { LineIndex } from "./line-index.ts";
import { parseYaml } from "./parse-yaml.ts";
import type { YamlDocument } from "./yaml-document.ts";

export interface ConfigDocument {
  readonly value: UnknownObject;
  /** Of a field by its path (`resources[0]`), or the nearest one above it. */
  positionOf(path: string): Position;
}

/** Its documents that are maps; or what is wrong with its YAML. */
export function readConfigFile(
  bytes: Uint8Array,
  file: string,
): { readonly documents: readonly ConfigDocument[] } | { readonly finding: Finding } {
  const decoded = decodeText(bytes);
  if ("problem" in decoded)
    return {
      finding: {
        severity: "error",
        rule: "yaml/syntax",
        message: "this is no text in UTF-8",
        file,
        line: 1,
        column: 1,
        suggestion: "Save it as UTF-8",
      },
    };
  const { text } = decoded;
  const { documents, problems } = parseYaml(text);
  const lines = new LineIndex(text);
  const problem = problems.find(({ severity }) => severity === "error");
  if (problem !== undefined) {
    const { severity, rule, message, offset, suggestion } = problem;
    const position = lines.positionAt(offset);
    return {
      finding: { severity, rule, message, file, ...position, ...(suggestion && { suggestion }) },
    };
  }
  return {
    documents: documents.flatMap((document): ConfigDocument[] =>
      isObject(document.value) ? [configDocument(document.value, document, text, lines)] : [],
    ),
  };
}

function configDocument(
  value: UnknownObject,
  { range }: YamlDocument,
  text: string,
  lines: LineIndex,
): ConfigDocument {
  let positions: FieldPositions | undefined;
  return {
    value,
    positionOf(path) {
      positions ??= new FieldPositions(text, range);
      const { key, value: at, exact } = positions.offsetsOf(path);
      return lines.positionAt(exact ? at : key);
    },
  };
}
