/**
 * JSON as CEL sees it. Integral numbers are ints, as for fields of a schema; objects become Maps,
 * so that no key (`__proto__`, `constructor`) reaches an object's prototype.
 */
import { Duration, Optional, UnsignedInt } from "./library.ts";
import { CelError } from "./cel-error.ts";

/** Values of one evaluation altogether: far above any object that a cluster stores. */
const MAX_NODES = 1_000_000;
/** Deeper than any manifest, and shallow enough for recursion. */
const MAX_DEPTH = 256;

/** Converted once, for the evaluation of many expressions. */
export class CelValue {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** @throws {CelError} when the value is too large or too deep */
export function celValue(json: unknown): CelValue {
  let left = MAX_NODES;
  const convert = (value: unknown, depth: number): unknown => {
    if (left-- <= 0) throw new CelError("exhausted", "the object is too large for expressions");
    if (depth > MAX_DEPTH)
      throw new CelError("exhausted", "the object is nested too deeply for expressions");
    if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof value !== "object" || value === null) return value ?? null;
    if (Array.isArray(value)) return value.map((item) => convert(item, depth + 1));
    if (value instanceof Date) return value;
    const map = new Map<string, unknown>();
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) map.set(key, convert(field, depth + 1));
    }
    return map;
  };
  return new CelValue(convert(json, 0));
}

/**
 * A result as JSON: ints become numbers, or text beyond 2^53; an absent optional is undefined.
 * @throws {CelError} when the result is too large or too deep
 */
export function toJson(result: unknown): unknown {
  let left = MAX_NODES;
  const convert = (value: unknown, depth: number): unknown => {
    if (left-- <= 0 || depth > MAX_DEPTH)
      throw new CelError("exhausted", "the result of the expression is too large");
    if (typeof value === "bigint") return jsonInteger(value);
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof UnsignedInt) return jsonInteger(value.value);
    if (value instanceof Optional)
      return value.hasValue() ? convert(value.value(), depth + 1) : undefined;
    if (Array.isArray(value) || value instanceof Set)
      return [...value].map((item) => convert(item, depth + 1));
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Duration) return String(value);
    if (value instanceof Map || value.constructor === Object) {
      const entries = value instanceof Map ? value.entries() : Object.entries(value);
      return Object.fromEntries(
        [...entries].map(([key, field]) => [String(key), convert(field, depth + 1)]),
      );
    }
    // A type, a quantity, a URL: what has no counterpart in JSON.
    return Object.prototype.toString.call(value);
  };
  return convert(result, 0);
}

function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
