/**
 * What the formats of SOPS files have in common: values in an order, some of them encrypted, and
 * metadata. A format says where the values are, and writes clear ones into their places.
 */
import type { JsonObject } from "../../../kube/object.ts";
import type { ClearValue } from "./encrypted-value.ts";

export interface Leaf {
  /** Keys from the top; items of a list have the path of the list. */
  readonly path: readonly string[];
  /** As it is hashed for the MAC when it is not encrypted. */
  readonly text: string;
  /** Only text can be encrypted. */
  readonly isText: boolean;
}

export interface EncryptedDocument {
  /** What is under `sops`. */
  readonly metadata: JsonObject;
  /** In the order of the MAC; nulls are left out, as SOPS does. */
  readonly leaves: readonly Leaf[];
  /** The file with clear values in the places of leaves, and without the metadata. */
  render(clear: ReadonlyMap<Leaf, ClearValue>): Uint8Array;
}

/** A number as SOPS hashes it: never with an exponent. */
export function decimal(number: number): string {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "+Inf" : "-Inf";
  const text = String(number);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return Object.is(number, -0) ? "-0" : text;
  const [, sign = "", first = "", rest = "", exponent = "0"] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

/** A value as JSON writes it, which YAML reads the same way. */
export function clearJson({ type, bytes }: ClearValue): string {
  const text = bytes.toString("utf8");
  if (type === "float" && NUMBER.test(text)) return String(Number(text));
  if (type === "int" && NUMBER.test(text)) return text;
  return type === "bool" ? text.toLowerCase() : quoted(text);
}

const NUMBER = /^-?\d+(\.\d+)?$/;

/** Beyond JSON's own escapes: what YAML does not count as printable. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Replaces ranges of a text; they must not overlap. */
export function splice(
  text: string,
  edits: readonly { readonly start: number; readonly end: number; readonly by: string }[],
): string {
  let result = "";
  let at = 0;
  for (const { start, end, by } of edits.toSorted((a, b) => a.start - b.start)) {
    result += text.slice(at, start) + by;
    at = end;
  }
  return result + text.slice(at);
}
