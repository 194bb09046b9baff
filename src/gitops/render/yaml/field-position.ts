/** Where a field of an object stands in its file: the document is read again, with positions. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar } from "yaml";
import { type SyntaxDocument, syntaxDocuments } from "./parse-yaml.ts";
import { resolveKey } from "./scalar.ts";

export interface FieldOffsets {
  /** Of the key, or of the list item. */
  readonly key: number;
  readonly value: number;
  /** Whether the whole path was found; else this is the nearest field above it. */
  readonly exact: boolean;
}

/** The syntax tree of one document of a text. */
export class FieldPositions {
  readonly #document: SyntaxDocument | undefined;
  readonly #base: number;

  constructor(text: string, range: readonly [number, number]) {
    this.#base = range[0];
    this.#document = syntaxDocuments(text.slice(range[0], range[1]))[0];
  }

  /** `path` as in field errors: `spec.containers[0].image`, `metadata.labels[app]`; `""` is the whole. */
  offsetsOf(path: string): FieldOffsets {
    let node: Node | null | undefined = this.#resolved(this.#document?.contents);
    let key = node?.range?.[0] ?? 0;
    let value = key;
    let rest = path;
    while (rest !== "") {
      const step = stepInto(node, rest);
      if (step === undefined) return this.#found(key, value, false);
      key = step.key ?? key;
      node = this.#resolved(step.node);
      value = step.node?.range?.[0] ?? key;
      rest = step.rest;
    }
    return this.#found(key, value, true);
  }

  #found(key: number, value: number, exact: boolean): FieldOffsets {
    return { key: this.#base + key, value: this.#base + value, exact };
  }

  #resolved(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) && this.#document !== undefined ? node.resolve(this.#document) : node;
  }
}

interface Step {
  readonly node: Node | null;
  readonly key: number | undefined;
  readonly rest: string;
}

function stepInto(node: Node | null | undefined, path: string): Step | undefined {
  if (isSeq(node)) {
    const match = /^\[(\d+)\]\.?/.exec(path);
    const item = match === null ? undefined : node.items[Number(match[1])];
    if (match === null || item === undefined) return undefined;
    const itemNode = item as Node | null;
    return { node: itemNode, key: itemNode?.range?.[0], rest: path.slice(match[0].length) };
  }
  if (!isMap(node)) return undefined;
  let best: Step | undefined;
  for (const pair of node.items as Pair<Node, Node | null>[]) {
    if (!isScalar(pair.key)) continue;
    const name = resolveKey(pair.key as Scalar<string>)?.key;
    const rest = name === undefined ? undefined : restAfter(path, name);
    // Keys may hold dots and brackets: the one that takes most of the path is meant.
    if (rest === undefined || (best !== undefined && best.rest.length <= rest.length)) continue;
    best = { node: pair.value, key: pair.key.range?.[0], rest };
  }
  return best;
}

function restAfter(path: string, name: string): string | undefined {
  const bracketed = `[${name}]`;
  if (path.startsWith(bracketed)) return path.slice(bracketed.length).replace(/^\./, "");
  if (!path.startsWith(name)) return undefined;
  const rest = path.slice(name.length);
  if (rest === "" || rest.startsWith("[")) return rest;
  return rest.startsWith(".") ? rest.slice(1) : undefined;
}
