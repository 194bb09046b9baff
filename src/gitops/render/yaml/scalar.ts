/** What a scalar means: by its tag, by its quotes, else by the rules for plain ones. */
import type { Scalar } from "yaml";
import { keyText, type PlainScalar, resolvePlain } from "./plain-scalar.ts";

const CORE = "tag:yaml.org,2002:";
const TEXT_TAGS: ReadonlySet<string> = new Set([`${CORE}str`, `${CORE}timestamp`, "!"]);
const PLAIN_TAGS: ReadonlySet<string> = new Set(
  ["int", "float", "bool", "null"].map((name) => CORE + name),
);

export function resolveScalar(node: Scalar<string>): PlainScalar {
  const text = node.value ?? "";
  if (node.tag !== undefined) {
    if (TEXT_TAGS.has(node.tag)) return { value: text };
    if (PLAIN_TAGS.has(node.tag)) return resolvePlain(text);
    if (node.tag === `${CORE}binary`)
      return { value: Buffer.from(text, "base64").toString("utf8") };
    // Unknown tags mean nothing to kubectl: the value stays as it is written.
    return { value: text };
  }
  return node.type === "PLAIN" || node.type === undefined ? resolvePlain(text) : { value: text };
}

export interface ResolvedKey {
  readonly key: string;
  readonly written: string;
  /** The key is not what a person who wrote it would expect: `on` is `"true"`. */
  readonly ambiguous: boolean;
}

/** Undefined for keys that JSON cannot have (null, not a number). */
export function resolveKey(node: Scalar<string>): ResolvedKey | undefined {
  const resolved = resolveScalar(node);
  if (!("value" in resolved) || resolved.value === null) return undefined;
  const written = node.value ?? "";
  const key = typeof resolved.value === "string" ? resolved.value : keyText(resolved.value);
  return { key, written, ambiguous: key !== written };
}
