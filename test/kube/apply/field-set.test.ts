import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeFieldSet,
  difference,
  differenceBelow,
  EMPTY,
  type FieldPath,
  type FieldSet,
  FieldSetError,
  formatFieldPath,
  has,
  intersection,
  isEmpty,
  keyElement,
  pathsOf,
  setOfPath,
  union,
} from "../../../src/kube/apply/field-set.ts";

const element = fc.constantFrom("f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"y"', "i:0");
const path: fc.Arbitrary<string[]> = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 8 });
const setOf = (list: readonly FieldPath[]): FieldSet =>
  list.reduce((set, each) => union(set, setOfPath(each)), EMPTY);

/** The twin: a set of printed paths. */
const keys = (set: FieldSet): Set<string> => new Set([...pathsOf(set)].map((p) => p.join(" ")));
const twin = (list: readonly FieldPath[]): Set<string> => new Set(list.map((p) => p.join(" ")));

describe("properties: sets behave as sets of paths", () => {
  test("union, intersection and difference", () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        const [twinA, twinB] = [twin(left), twin(right)];
        expect(keys(a)).toEqual(twinA);
        expect(keys(union(a, b))).toEqual(new Set([...twinA, ...twinB]));
        expect(keys(intersection(a, b))).toEqual(new Set([...twinA].filter((p) => twinB.has(p))));
        expect(keys(difference(a, b))).toEqual(new Set([...twinA].filter((p) => !twinB.has(p))));
        expect(keys(differenceBelow(a, b))).toEqual(
          new Set([...twinA].filter((p) => ![...twinB].some((q) => `${p} `.startsWith(`${q} `)))),
        );
      }),
    );
  });

  test("what changes nothing returns the set itself", () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        const both = union(a, b);
        expect(union(both, a)).toBe(both);
        expect(union(both, b)).toBe(both);
        const rest = difference(a, b);
        expect(difference(rest, b)).toBe(rest);
      }),
    );
  });

  test("equal sets have the same text, whatever the order they were built in", () => {
    fc.assert(
      fc.property(paths, (list) => {
        expect(JSON.stringify(setOf(list))).toBe(JSON.stringify(setOf([...list].reverse())));
      }),
    );
  });

  test("reading what was written gives the same set", () => {
    fc.assert(
      fc.property(paths, path, (list, probe) => {
        const set = setOf(list);
        const read = decodeFieldSet(JSON.parse(JSON.stringify(set)));
        expect(JSON.stringify(read)).toBe(JSON.stringify(set));
        expect(has(read, probe)).toBe(twin(list).has(probe.join(" ")));
      }),
    );
  });
});

describe("reading FieldsV1", () => {
  test("keys come into canonical form and order", () => {
    const set = decodeFieldSet({
      "f:b": {},
      "f:a": { 'k:{ "protocol": "TCP", "containerPort": 80 }': { ".": {}, "f:x": {} } },
    });
    expect(JSON.stringify(set)).toBe(
      '{"f:a":{"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:x":{}}},"f:b":{}}',
    );
  });

  test("a document that was read before is not read again", () => {
    const document = { "f:a": {} };
    expect(decodeFieldSet(document)).toBe(decodeFieldSet(document));
  });

  test.each([
    null,
    [],
    { "f:a": 1 },
    { "f:a": [] },
    { a: {} },
    { "k:name": {} },
    { "k:[]": {} },
    { "v:x": {} },
    { "i:x": {} },
    JSON.parse(`${'{"f:a":'.repeat(2_000)}{}${"}".repeat(2_000)}`),
  ])("malformed document %# is refused", (document: unknown) => {
    expect(() => decodeFieldSet(document)).toThrow(FieldSetError);
  });
});

test("paths print as upstream prints them, a level before what is below it", () => {
  const set = setOf([
    ["f:spec", "f:template", "f:spec", "f:containers", keyElement({ name: "web" }), "f:image"],
    ["f:spec", "f:ports", keyElement({ protocol: "TCP", port: 80 })],
    ["f:metadata", "f:finalizers", 'v:"x/y"'],
    ["f:metadata", "f:annotations", "f:example.com/a"],
    ["f:spec"],
    ["f:list", "i:3"],
  ]);
  expect([...pathsOf(set)].map(formatFieldPath)).toEqual([
    ".spec",
    ".list[3]",
    ".metadata.annotations.example.com/a",
    '.metadata.finalizers[="x/y"]',
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.template.spec.containers[name="web"].image',
  ]);
  expect(isEmpty(EMPTY)).toBe(true);
  expect(has(EMPTY, [])).toBe(false);
});
