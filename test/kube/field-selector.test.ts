import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatFieldSelector,
  matchesFields,
  parseFieldSelector,
  requiredValue,
} from "../../src/kube/field-selector.ts";
import { SelectorError } from "../../src/kube/label-selector.ts";

const pod: Record<string, string> = { "metadata.name": "web", "status.phase": "Running" };
const read = (field: string) => pod[field] ?? "";

test.each([
  ["", true],
  ["metadata.name=web", true],
  ["metadata.name==web", true],
  ["metadata.name=api", false],
  ["metadata.name!=api,status.phase!=Failed", true],
  ["metadata.name=web,status.phase=Failed", false],
  ["spec.nodeName=", true],
  ["spec.nodeName!=", false],
  [",metadata.name=web,", true],
])("%j matches: %s", (text, expected) => {
  expect(matchesFields(parseFieldSelector(text), read)).toBe(expected);
});

test("commas, equal signs and backslashes in values are escaped", () => {
  expect(parseFieldSelector(String.raw`a=x\,y\=z\\,b!=1`)).toEqual([
    { field: "a", operator: "=", value: String.raw`x,y=z\ `.trim() },
    { field: "b", operator: "!=", value: "1" },
  ]);
});

test.each(["metadata.name", "a=b=c", String.raw`a=\x`, "a=x\\", "a<b"])("%j is refused", (text) => {
  expect(() => parseFieldSelector(text)).toThrow(SelectorError);
});

test("the only value that a field may have", () => {
  const selector = parseFieldSelector("metadata.name=web,status.phase!=Failed");
  expect(requiredValue(selector, "metadata.name")).toBe("web");
  expect(requiredValue(selector, "status.phase")).toBeUndefined();
});

test("property: a formatted selector parses to itself", () => {
  const term = fc.record({
    field: fc.stringMatching(/^[a-z]+(\.[a-z]+)?$/),
    operator: fc.constantFrom("=" as const, "!=" as const),
    value: fc.string({ unit: fc.constantFrom("a", "b", ",", "=", "\\", " ") }),
  });
  fc.assert(
    fc.property(fc.array(term, { maxLength: 4 }), (terms) => {
      expect(parseFieldSelector(formatFieldSelector(terms))).toEqual(terms);
    }),
  );
});
