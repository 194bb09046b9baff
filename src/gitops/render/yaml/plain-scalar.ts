/**
 * What an unquoted YAML scalar means to kubectl: the rules of go-yaml v2 as sigs.k8s.io/yaml uses
 * it (YAML 1.1 booleans and octals, no sexagesimals, dates stay text).
 */

export type PlainScalar =
  | { readonly value: string | number | boolean | null }
  /** JSON has no such number. */
  | { readonly unsupported: "not a finite number" | "an integer too large to be exact" };

const WORDS: ReadonlyMap<string, PlainScalar> = new Map<string, PlainScalar>([
  ...entries(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], true),
  ...entries(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], false),
  ...entries(["", "~", "null", "Null", "NULL"], null),
  ...[".nan", ".NaN", ".NAN"].map(notFinite),
  ...["", "+", "-"].flatMap((sign) =>
    [".inf", ".Inf", ".INF"].map((word) => notFinite(sign + word)),
  ),
]);

function entries(words: string[], value: boolean | null): [string, PlainScalar][] {
  return words.map((word) => [word, { value }]);
}

function notFinite(word: string): [string, PlainScalar] {
  return [word, { unsupported: "not a finite number" }];
}

const LONGEST_WORD = 5;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
/** Beyond 64 bits kubectl, too, falls back to floating point. */
const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);

export function resolvePlain(text: string): PlainScalar {
  if (text.length <= LONGEST_WORD) {
    const word = WORDS.get(text);
    if (word !== undefined) return word;
  }
  const first = text.charCodeAt(0);
  const isNumeric =
    (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x2e;
  return isNumeric ? resolveNumber(text) : { value: text };
}

function resolveNumber(text: string): PlainScalar {
  // Short decimals are nearly all of them: ports, replicas, versions.
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(text)) return { value: Number(text) };
  const digits = text.replaceAll("_", "");
  const integer = INTEGER.exec(digits);
  if (integer !== null) {
    const value = bigIntOf(integer);
    if (value >= MIN_INT64 && value <= MAX_UINT64) return exactInteger(value);
  }
  if (!FLOAT.test(digits)) return { value: text };
  const value = Number(digits);
  // As in Go: what overflows is text.
  return { value: Number.isFinite(value) ? value : text };
}

function bigIntOf([, sign, hex, binary, octal, decimal]: RegExpExecArray): bigint {
  const magnitude =
    hex !== undefined
      ? BigInt(`0x${hex}`)
      : binary !== undefined
        ? BigInt(`0b${binary}`)
        : octal !== undefined
          ? BigInt(`0o${octal}`)
          : BigInt(decimal ?? "0");
  return sign === "-" ? -magnitude : magnitude;
}

function exactInteger(value: bigint): PlainScalar {
  const number = Number(value);
  return Number.isSafeInteger(number) || BigInt(number) === value
    ? { value: number === 0 ? 0 : number }
    : { unsupported: "an integer too large to be exact" };
}

/** A key as JSON has it: kubectl turns numbers and booleans into text, as Go prints them. */
export function keyText(value: string | number | boolean): string {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const isSmall = Math.abs(value) < 1e-4;
  const text = isSmall ? value.toExponential() : String(value);
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}
