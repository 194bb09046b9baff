/**
 * YAML, several documents too. Clear values go where encrypted ones were, so that every line keeps
 * its number and findings point into the file in Git.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import type { JsonObject } from "../../../kube/object.ts";
import type { ClearValue } from "./encrypted-value.ts";
import {
  clearJson,
  decimal,
  type EncryptedDocument,
  type Leaf,
  splice,
} from "./encrypted-document.ts";
import { malformed } from "./sops-metadata.ts";

/** Kubernetes objects nest some ten levels. */
const MAX_DEPTH = 100;

interface YamlLeaf extends Leaf {
  readonly start: number;
  readonly end: number;
}

/**
 * @returns undefined when no document has a `sops` block
 * @throws DecryptError `malformed`
 */
export function readYaml(text: string): EncryptedDocument | undefined {
  const documents = parse(text);
  let metadata: JsonObject | undefined;
  const leaves: YamlLeaf[] = [];
  const metadataRanges: { start: number; end: number }[] = [];
  for (const document of documents) {
    const root = document.contents;
    if (!isMap<Node, Node | null>(root)) continue;
    for (const pair of root.items) {
      if (keyOf(pair) !== "sops") {
        collect(pair.value, [keyOf(pair)], leaves);
        continue;
      }
      metadata ??= asObject(plainOf(pair.value, document));
      metadataRanges.push(rangeOf(pair, text));
    }
  }
  if (metadata === undefined) return undefined;
  return {
    metadata,
    leaves,
    render: (clear) => Buffer.from(render(text, leaves, metadataRanges, clear)),
  };
}

function parse(text: string): Document.Parsed[] {
  try {
    const documents = parseAllDocuments(text, { intAsBigInt: true, logLevel: "silent" });
    const parsed = [...documents];
    if (parsed.every(({ errors }) => errors.length === 0)) return parsed;
  } catch {
    // Nested beyond what the stack holds: told below, like every syntax error.
  }
  // The parser's message would show a line of the file.
  throw malformed("it is no valid YAML");
}

function collect(node: Node | null, path: readonly string[], leaves: YamlLeaf[], depth = 0): void {
  if (depth > MAX_DEPTH) throw malformed(`it is nested more than ${MAX_DEPTH} levels deep`);
  if (isMap<Node, Node | null>(node))
    for (const pair of node.items) collect(pair.value, [...path, keyOf(pair)], leaves, depth + 1);
  else if (isSeq<Node>(node)) for (const item of node.items) collect(item, path, leaves, depth + 1);
  else if (isAlias(node)) throw malformed("it has a YAML alias, which SOPS never writes");
  else if (isScalar(node) && node.value !== null && node.value !== undefined) {
    const [start, end] = node.range ?? [0, 0];
    leaves.push({ path, text: hashed(node), isText: typeof node.value === "string", start, end });
  }
}

/** As SOPS hashes a scalar; its parser knows dates, ours takes them for text. */
function hashed({ value, source, type }: Scalar): string {
  if (typeof value === "number") return decimal(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  const text = typeof value === "string" ? value : String(value);
  if (type !== "PLAIN" || typeof value !== "string") return text;
  return /^\d{4}-\d\d-\d\d$/.test(source ?? "") ? `${text}T00:00:00Z` : text;
}

function keyOf({ key }: Pair<Node, unknown>): string {
  if (isScalar(key)) return typeof key.value === "string" ? key.value : (key.source ?? "");
  throw malformed("it has a YAML key that is no text");
}

function plainOf(node: Node | null, document: Document): unknown {
  try {
    return node?.toJS(document, { maxAliasCount: 0 });
  } catch {
    throw malformed("it has a YAML alias, which SOPS never writes");
  }
}

function asObject(value: unknown): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as JsonObject;
  throw malformed("its `sops` block is no mapping");
}

/** From the key to the end of the value: whole lines in block style. */
function rangeOf(
  { key, value }: Pair<Node, Node | null>,
  text: string,
): { start: number; end: number } {
  const start = key.range?.[0] ?? 0;
  const end = value?.range?.[1] ?? key.range?.[1] ?? start;
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  if (text.slice(lineStart, start).trim() !== "")
    throw malformed("its `sops` block is not on lines of its own");
  return { start, end };
}

function render(
  text: string,
  leaves: readonly YamlLeaf[],
  metadata: readonly { start: number; end: number }[],
  clear: ReadonlyMap<Leaf, ClearValue>,
): string {
  const edits = metadata.map(({ start, end }) => ({ start, end, by: "" }));
  for (const leaf of leaves) {
    const value = clear.get(leaf);
    if (value === undefined) continue;
    // A value that was folded over several lines gives them back as empty ones.
    const lines = "\n".repeat(text.slice(leaf.start, leaf.end).split("\n").length - 1);
    // SOPS makes items of a list from the comments in it.
    const start = value.type === "comment" ? dashBefore(text, leaf.start) : leaf.start;
    const by = value.type === "comment" ? "#" : clearJson(value);
    edits.push({ start, end: leaf.end, by: by + lines });
  }
  return splice(text, edits);
}

function dashBefore(text: string, start: number): number {
  const before = /-[ \t]+$/.exec(text.slice(text.lastIndexOf("\n", start - 1) + 1, start));
  if (before === null) throw malformed("it has an encrypted comment that is no item of a list");
  return start - before[0].length;
}
