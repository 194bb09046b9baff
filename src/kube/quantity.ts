/**
 * Resource quantities (`100m`, `1.5Gi`, `1e3`), exact, as k8s.io/apimachinery/pkg/api/resource:
 * values are whole nano units, and finer ones round away from zero.
 */

/** The suffix family a quantity was written in; formatting keeps it where it can. */
type QuantityFormat = "BinarySI" | "DecimalSI" | "DecimalExponent";

export interface Quantity {
  /** The value times 10^9. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** A text that is no quantity. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const NANO_DIGITS = 9;
const NANOS = 10n ** BigInt(NANO_DIGITS);
const NANOS_PER_MILLI = 10n ** 6n;

/** Longest text accepted: far above any real quantity, and it bounds the arithmetic. */
const MAX_TEXT_LENGTH = 256;
/** Largest exponent accepted, for the same reason. Smaller than minus this is nearly nothing. */
const MAX_EXPONENT = 2 * MAX_TEXT_LENGTH;

const SYNTAX = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,9}))?$/;
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/** From 10^-9 upwards in steps of 10^3. */
const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/**
 * Parses a quantity as it stands in a manifest; plain JSON numbers are accepted as upstream does.
 * @throws {QuantityError} when the text is not a quantity
 */
export function parseQuantity(source: string | number): Quantity {
  const text = String(source);
  const match = text.length <= MAX_TEXT_LENGTH ? SYNTAX.exec(text) : null;
  if (match === null) {
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const [, sign, digits = "0", suffix = "", exponent] = match;
  const [whole = "", fraction = ""] = digits.split(".");
  const unscaled = BigInt(whole + fraction);
  const { base, power, format } = unitOf(suffix, exponent);
  const magnitude =
    base === 2
      ? scaleUp(unscaled << BigInt(power), NANO_DIGITS - fraction.length)
      : scaleUp(unscaled, power + NANO_DIGITS - fraction.length);
  return { nanos: sign === "-" ? -magnitude : magnitude, format };
}

function unitOf(
  suffix: string,
  exponent: string | undefined,
): { base: 2 | 10; power: number; format: QuantityFormat } {
  if (exponent !== undefined) {
    const power = Math.max(-MAX_EXPONENT, Number(exponent));
    if (power > MAX_EXPONENT) throw new QuantityError(`the exponent ${exponent} is too large`);
    return { base: 10, power, format: "DecimalExponent" };
  }
  if (suffix.endsWith("i")) {
    return { base: 2, power: 10 * BINARY_SUFFIXES.indexOf(suffix), format: "BinarySI" };
  }
  const power = 3 * DECIMAL_SUFFIXES.indexOf(suffix) - NANO_DIGITS;
  return { base: 10, power, format: "DecimalSI" };
}

/** `value × 10^exponent`, rounded up to a whole number. */
function scaleUp(value: bigint, exponent: number): bigint {
  return exponent >= 0
    ? value * 10n ** BigInt(exponent)
    : divideUp(value, 10n ** BigInt(-exponent));
}

/** Division rounding away from zero. */
function divideUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const remainder = dividend % divisor;
  if (remainder === 0n) return quotient;
  return remainder > 0n ? quotient + 1n : quotient - 1n;
}

/**
 * The canonical text: no fraction, the largest suffix of its family that loses nothing. Binary
 * quantities below 1024 or with a fraction are written in decimal, as upstream does.
 */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return "0";
  if (format === "BinarySI" && nanos % NANOS === 0n) {
    const value = nanos / NANOS;
    if (value >= 1024n || value <= -1024n) return formatBinary(value);
  }
  let digits = nanos;
  let step = 0;
  while (
    digits % 1000n === 0n &&
    (format === "DecimalExponent" || step < DECIMAL_SUFFIXES.length - 1)
  ) {
    digits /= 1000n;
    step++;
  }
  if (format !== "DecimalExponent") return `${digits}${DECIMAL_SUFFIXES[step] ?? ""}`;
  const exponent = 3 * step - NANO_DIGITS;
  return exponent === 0 ? `${digits}` : `${digits}e${exponent}`;
}

function formatBinary(value: bigint): string {
  let digits = value;
  let step = 0;
  while (digits % 1024n === 0n && step < BINARY_SUFFIXES.length - 1) {
    digits /= 1024n;
    step++;
  }
  return `${digits}${BINARY_SUFFIXES[step] ?? ""}`;
}

/** `0.1` becomes `100m`, `1024Mi` becomes `1Gi`, `1500m` stays. @throws {QuantityError} */
export function canonicalQuantity(source: string | number): string {
  return formatQuantity(parseQuantity(source));
}

/** Negative, zero or positive, by value: `1000m` equals `1`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The sum, in the family of `a`, or of `b` where `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** The difference, in the family of `a`, or of `b` where `a` is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** The value in whole units, rounded away from zero. */
export function quantityToInteger(quantity: Quantity): bigint {
  return divideUp(quantity.nanos, NANOS);
}

/** The value in thousandths (millicores), rounded away from zero. */
export function quantityToMilli(quantity: Quantity): bigint {
  return divideUp(quantity.nanos, NANOS_PER_MILLI);
}

/** The nearest double: for scores and limits, not for sums. */
export function quantityToNumber(quantity: Quantity): number {
  const whole = quantity.nanos / NANOS;
  return Number(whole) + Number(quantity.nanos - whole * NANOS) / Number(NANOS);
}
