/**
 * Puts a secret together from parts (Shamir's scheme over GF(2^8) with AES's polynomial). The last
 * byte of a part is its x coordinate.
 */

/**
 * @returns undefined when the parts do not fit together: too few, of different lengths, or the same
 * part twice. Fewer parts than the secret was split for give a wrong secret, not an error.
 */
export function combineParts(parts: readonly Uint8Array[]): Uint8Array | undefined {
  const length = (parts[0]?.length ?? 0) - 1;
  const xs = parts.map((part) => part[length] ?? 0);
  if (parts.length < 2 || length < 1 || parts.some((part) => part.length !== length + 1))
    return undefined;
  if (new Set(xs).size !== xs.length || xs.includes(0)) return undefined;
  const weights = xs.map((x, i) => weightAtZero(x, xs.toSpliced(i, 1)));
  return Uint8Array.from({ length }, (_, at) =>
    parts.reduce((sum, part, i) => sum ^ multiply(part[at] ?? 0, weights[i] ?? 0), 0),
  );
}

/** Lagrange's basis polynomial of `x`, at zero. */
function weightAtZero(x: number, others: readonly number[]): number {
  return others.reduce((product, other) => multiply(product, divide(other, other ^ x)), 1);
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 0x80 ? 0x11b : 0);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

/** In a field of 256 elements the inverse of `b` is its 254th power. */
function divide(a: number, b: number): number {
  let inverse = 1;
  for (let i = 0; i < 254; i++) inverse = multiply(inverse, b);
  return multiply(a, inverse);
}
