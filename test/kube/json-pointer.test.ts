import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatJsonPointer,
  JsonPointerError,
  parseJsonPointer,
  readJsonPointer,
} from "../../src/kube/json-pointer.ts";

test("property: tokens survive formatting and parsing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom("a", "~", "/", "0", "1") })),
      (tokens) => {
        expect(parseJsonPointer(formatJsonPointer(tokens))).toEqual(tokens);
      },
    ),
  );
});

test.each(["a", "a/b", "/a~", "/~2"])("%j is refused", (pointer) => {
  expect(() => parseJsonPointer(pointer)).toThrow(JsonPointerError);
});

test("reads own properties and array elements only", () => {
  const document = { metadata: { annotations: { "a/b": "1" } }, list: [{ name: "x" }] };
  const read = (pointer: string) => readJsonPointer(document, parseJsonPointer(pointer));
  expect(read("/metadata/annotations/a~1b")).toBe("1");
  expect(read("/list/0/name")).toBe("x");
  expect(read("")).toBe(document);
  expect(read("/list/00/name")).toBeUndefined();
  expect(read("/list/length")).toBeUndefined();
  expect(read("/constructor/name")).toBeUndefined();
  expect(read("/metadata/missing/deeper")).toBeUndefined();
});
