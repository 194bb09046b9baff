/** A syntax tree as a JSON value: scalars, keys, merges and aliases resolved, within limits. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Json } from "../../../kube/object.ts";
import { resolveScalar, resolveKey } from "./scalar.ts";
import type { YamlLimits, YamlProblem, YamlRule } from "./yaml-document.ts";

type Node = ParsedNode | null | undefined;
type MutableMap = Record<string, Json>;

/** A value that has an anchor; `values` counts what an alias to it adds. */
interface Anchored {
  readonly node: ParsedNode;
  readonly value: Json;
  readonly values: number;
}

export class TreeConverter {
  readonly problems: YamlProblem[] = [];
  readonly #limits: YamlLimits;
  readonly #anchors = new Map<string, Anchored>();
  /** Anchors whose value is being read: an alias to one of them would contain itself. */
  readonly #open = new Set<string>();
  #depth = 0;
  #values = 0;
  #aliasedValues = 0;
  #stopped = false;

  constructor(limits: YamlLimits) {
    this.#limits = limits;
  }

  convert(node: Node): Json {
    if (node === null || node === undefined || this.#stopped) return null;
    this.#values++;
    if (isAlias(node)) return this.#alias(node);
    const { anchor } = node;
    if (anchor === undefined) return this.#content(node);
    const before = this.#values;
    this.#open.add(anchor);
    const value = this.#content(node);
    this.#open.delete(anchor);
    this.#anchors.set(anchor, { node, value, values: this.#values - before + 1 });
    return value;
  }

  #content(node: Exclude<ParsedNode, Alias.Parsed>): Json {
    if (isScalar(node)) return this.#scalar(node as Scalar<string>);
    if (++this.#depth > this.#limits.maxDepth) return this.#tooDeep(node);
    const value = isMap(node) ? this.#map(node) : isSeq(node) ? this.#list(node) : null;
    this.#depth--;
    return value;
  }

  #scalar(node: Scalar<string>): Json {
    const resolved = resolveScalar(node);
    if ("value" in resolved) return resolved.value;
    this.#problem("yaml/unsupported-value", node, {
      // Without the value: it may be that of a Secret.
      message: `the value is ${resolved.unsupported}`,
      suggestion:
        node.tag === undefined ? "Quote it to make it text" : "Correct the value, or its tag",
    });
    return null;
  }

  #list(node: YAMLSeq): Json {
    return node.items.map((item) => this.convert(item as Node));
  }

  #map(node: YAMLMap): Json {
    const result: MutableMap = {};
    const seen = new Map<string, number>();
    const merges: Node[] = [];
    for (const pair of node.items) {
      const keyNode = pair.key as Node;
      const valueNode = pair.value as Node;
      if (isMergeKey(keyNode)) {
        merges.push(valueNode);
        continue;
      }
      const key = this.#key(keyNode, node);
      if (key === undefined) continue;
      const offset = offsetOf(keyNode) ?? offsetOf(node) ?? 0;
      const first = seen.get(key);
      if (first !== undefined) this.#duplicate(key, offset, first);
      seen.set(key, offset);
      set(result, key, this.convert(valueNode));
    }
    for (const merge of merges) this.#merge(merge, result);
    return result;
  }

  #key(node: Node, map: YAMLMap): string | undefined {
    const target = isAlias(node) ? this.#anchors.get(node.source)?.node : node;
    const resolved = isScalar(target) ? resolveKey(target as Scalar<string>) : undefined;
    if (resolved === undefined) {
      this.#problem("yaml/unsupported-key", node ?? map, {
        message: "a key must be text, a number or a boolean",
        suggestion: isMap(target)
          ? "If {{ … }} is meant as a template, render it first; else quote it"
          : "Quote the key",
      });
      return undefined;
    }
    if (resolved.ambiguous)
      this.#problem("yaml/ambiguous-key", node ?? map, {
        severity: "warning",
        message: `the key ${resolved.written} is read as ${JSON.stringify(resolved.key)}`,
        suggestion: `Write ${JSON.stringify(resolved.written)} with quotes if it is meant as text`,
      });
    return resolved.key;
  }

  /** `<<`: keys that stand in the map itself win, then earlier merges. */
  #merge(node: Node, into: MutableMap): void {
    const value = this.convert(node);
    if (this.#stopped) return;
    for (const source of Array.isArray(value) ? (value as Json[]) : [value]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        this.#problem("yaml/syntax", node, { message: "<< needs a map, or a list of maps" });
        return;
      }
      for (const [key, field] of Object.entries(source))
        if (!Object.hasOwn(into, key)) set(into, key, field);
    }
  }

  #alias(node: Alias): Json {
    const { source } = node;
    if (this.#open.has(source)) {
      this.#problem("yaml/alias", node, {
        message: `the value of anchor &${source} contains itself`,
      });
      return null;
    }
    const anchored = this.#anchors.get(source);
    if (anchored === undefined) {
      // Its name is not repeated: it may well be a password that begins with a star.
      this.#problem("yaml/alias", node, {
        message: "there is no anchor of this name above",
        suggestion: "Quote the value if the star is part of it",
      });
      return null;
    }
    this.#aliasedValues += anchored.values;
    // What is shared here is written out when the object is sent, so it counts in full.
    this.#values += anchored.values;
    if (this.#aliasedValues > this.#limits.maxAliasedValues) {
      this.#stopped = true;
      this.#problem("yaml/alias-bomb", node, {
        message: `aliases repeat more than ${this.#limits.maxAliasedValues} values`,
        suggestion: "Write the values out, or use fewer aliases",
      });
      return null;
    }
    return anchored.value;
  }

  #tooDeep(node: ParsedNode): Json {
    this.#stopped = true;
    this.#problem("yaml/too-deep", node, {
      message: `lists and maps nest deeper than ${this.#limits.maxDepth} levels`,
      suggestion: "Flatten the document: no Kubernetes object needs this",
    });
    return null;
  }

  #duplicate(key: string, offset: number, firstOffset: number): void {
    this.problems.push({
      severity: "error",
      rule: "yaml/duplicate-key",
      message: `the key ${JSON.stringify(key)} is already set in this map`,
      offset,
      firstOffset,
      suggestion: "Keep one of the two: kubectl would silently take the last",
    });
  }

  #problem(
    rule: YamlRule,
    node: Node | Alias | YAMLMap | Scalar,
    details: { message: string; suggestion?: string; severity?: "warning" },
  ): void {
    const { severity = "error", ...rest } = details;
    this.problems.push({ severity, rule, offset: offsetOf(node) ?? 0, ...rest });
  }
}

function isMergeKey(node: Node): boolean {
  return isScalar(node) && node.value === "<<" && node.type === "PLAIN";
}

function offsetOf(node: Node | Alias | YAMLMap | Scalar): number | undefined {
  return node?.range?.[0];
}

/** `__proto__` is a key like any other. */
export function set(map: MutableMap, key: string, value: Json): void {
  if (key === "__proto__")
    Object.defineProperty(map, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  else map[key] = value;
}
