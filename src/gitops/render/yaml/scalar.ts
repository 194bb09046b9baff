/** What a scalar means: by its tag, by its quotes, else by the rules for plain ones. */
import type { Scalar } from "yaml";
import { keyText, resolvePlain } from "./plain-scalar.ts";

const CORE = "tag:yaml.org,2002:";
const TEXT_TAGS: ReadonlySet<string> = new Set([`${CORE}str`, `${CORE}timestamp`, "!"]);
/** What a tagged scalar must be. */
const TYPED_TAGS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  [`${CORE}int`, (value: unknown) => Number.isInteger(value)],
  [`${CORE}float`, (value: unknown) => typeof value === "number"],
  [`${CORE}bool`, (value: unknown) => typeof value === "boolean"],
  [`${CORE}null`, (value: unknown) => value === null],
]);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function resolveScalar(node: Scalar<string>): ResolvedScalar {
  const text = node.value ?? "";
  const { tag } = node;
  if (tag === undefined)
    return node.type === "PLAIN" || node.type === undefined ? resolvePlain(text) : { value: text };
  if (TEXT_TAGS.has(tag)) return { value: text };
  const hasType = TYPED_TAGS.get(tag);
  if (hasType !== undefined) {
    const resolved = resolvePlain(text);
    const fits = !("value" in resolved) || hasType(resolved.value);
    return fits ? resolved : { unsupported: `no value of type ${tag.slice(CORE.length)}` };
  }
  if (tag !== `${CORE}binary`) return { value: text }; // Unknown tags mean nothing to kubectl.
  const packed = text.replace(/\s+/g, "");
  return BASE64.test(packed)
    ? { value: Buffer.from(packed, "base64").toString("utf8") }
    : { unsupported: "no base64" };
}

export type ResolvedScalar =
  | { readonly value: string | number | boolean | null }
  | { readonly unsupported: string };

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
