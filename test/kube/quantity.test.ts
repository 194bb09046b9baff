import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
  quantityToInteger,
  quantityToMilli,
  quantityToNumber,
  subtractQuantities,
} from "../../src/kube/quantity.ts";

describe("canonical form", () => {
  test.each([
    ["0.1", "100m"],
    ["1024Mi", "1Gi"],
    ["1500m", "1500m"],
    ["1.5Gi", "1536Mi"],
    ["1000m", "1"],
    ["0", "0"],
    ["0Gi", "0"],
    ["-0", "0"],
    ["1000", "1k"],
    ["1000k", "1M"],
    ["1024", "1024"],
    ["1Ki", "1Ki"],
    ["1000Ki", "1000Ki"],
    ["0.5Ki", "512"],
    ["0.5Mi", "512Ki"],
    ["1.1Ki", "1126400m"],
    [".5", "500m"],
    ["5.", "5"],
    ["+3", "3"],
    ["-1.5", "-1500m"],
    ["-2048Mi", "-2Gi"],
    ["1e3", "1e3"],
    ["1E3", "1e3"],
    ["12e2", "1200"],
    ["1e-3", "1e-3"],
    ["1E", "1E"],
    ["100u", "100u"],
    ["1n", "1n"],
    ["00012", "12"],
    ["2000Ti", "2000Ti"],
  ])("%s is written %s", (source, canonical) => {
    expect(canonicalQuantity(source)).toBe(canonical);
  });

  test("plain JSON numbers are quantities", () => {
    expect(canonicalQuantity(2)).toBe("2");
    expect(canonicalQuantity(0.25)).toBe("250m");
  });

  test("finer than nano rounds away from zero", () => {
    expect(canonicalQuantity("0.0000000001")).toBe("1n");
    expect(canonicalQuantity("-0.0000000001")).toBe("-1n");
    expect(canonicalQuantity("1.0000000001")).toBe("1000000001n");
    expect(canonicalQuantity("1e-999999999")).toBe("1e-9");
  });

  test("magnitudes beyond 2^63 are exact too", () => {
    expect(canonicalQuantity("9223372036854775809")).toBe("9223372036854775809");
    expect(canonicalQuantity("97582993790.31147G")).toBe("97582993790311470k");
    expect(canonicalQuantity("1e30")).toBe("1e30");
    expect(canonicalQuantity("-16Ei")).toBe("-16Ei");
  });
});

test.each([
  "",
  " 1",
  "1 ",
  "1.1.1",
  "1ki",
  "1mi",
  "1KiB",
  "--1",
  "1e",
  "1e1.5",
  "e3",
  "Gi",
  ".",
  "0x10",
  "NaN",
  "1e999999999",
  "1,5",
  "9".repeat(300),
])("%j is no quantity", (source) => {
  expect(() => parseQuantity(source)).toThrow(QuantityError);
});

test("quantities compare by value, not by text", () => {
  expect(compareQuantities(parseQuantity("1000m"), parseQuantity("1"))).toBe(0);
  expect(compareQuantities(parseQuantity("1Gi"), parseQuantity("1G"))).toBe(1);
  expect(compareQuantities(parseQuantity("-1"), parseQuantity("1m"))).toBe(-1);
});

test("sums keep the suffix family of the first, or of the second when the first is zero", () => {
  const add = (a: string, b: string) =>
    formatQuantity(addQuantities(parseQuantity(a), parseQuantity(b)));
  expect(add("512Mi", "512Mi")).toBe("1Gi");
  expect(add("0", "2048Mi")).toBe("2Gi");
  expect(add("250m", "0.75")).toBe("1");
  expect(add("1Gi", "1G")).toBe("2073741824");
  expect(formatQuantity(subtractQuantities(parseQuantity("1Gi"), parseQuantity("512Mi")))).toBe(
    "512Mi",
  );
});

test("integers and thousandths round away from zero", () => {
  expect(quantityToInteger(parseQuantity("1001m"))).toBe(2n);
  expect(quantityToInteger(parseQuantity("-1001m"))).toBe(-2n);
  expect(quantityToMilli(parseQuantity("1001u"))).toBe(2n);
  expect(quantityToMilli(parseQuantity("1.5"))).toBe(1500n);
  expect(quantityToNumber(parseQuantity("1.5Gi"))).toBe(1.5 * 2 ** 30);
  expect(quantityToNumber(parseQuantity("-250m"))).toBe(-0.25);
});

const quantityText = fc
  .tuple(
    fc.constantFrom("", "-", "+"),
    fc.integer({ min: 0, max: 10 ** 12 }),
    fc.option(fc.integer({ min: 0, max: 99_999 }), { nil: undefined }),
    fc.constantFrom("", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "e-3", "E2"),
  )
  .map(
    ([sign, whole, fraction, suffix]) =>
      `${sign}${whole}${fraction === undefined ? "" : `.${fraction}`}${suffix}`,
  );

test("property: the canonical form keeps the value and is its own canonical form", () => {
  fc.assert(
    fc.property(quantityText, (text) => {
      const parsed = parseQuantity(text);
      const canonical = formatQuantity(parsed);
      expect(parseQuantity(canonical).nanos).toBe(parsed.nanos);
      expect(canonicalQuantity(canonical)).toBe(canonical);
      expect(canonical).not.toContain(".");
    }),
  );
});

test("property: addition and subtraction are inverse and order is total", () => {
  fc.assert(
    fc.property(quantityText, quantityText, (left, right) => {
      const a = parseQuantity(left);
      const b = parseQuantity(right);
      expect(subtractQuantities(addQuantities(a, b), b).nanos).toBe(a.nanos);
      expect(compareQuantities(a, b)).toBe(0 - compareQuantities(b, a));
    }),
  );
});
