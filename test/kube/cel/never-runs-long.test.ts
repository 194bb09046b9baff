import { describe, expect, it } from "vitest";
import { CelError } from "../../../src/kube/cel/cel-error.ts";
import { compileCel } from "../../../src/kube/cel/compile-cel.ts";

const object = {
  list: Array.from({ length: 2000 }, (_, index) => index),
  text: "a".repeat(100_000),
};
/** Slow machines included; without a limit each of these would take minutes to years. */
const LONGEST_MS = 5000;

const doubled = (depth: number): string =>
  depth === 0 ? "x.size()" : `cel.bind(x, x + x, ${doubled(depth - 1)})`;

describe("an expression that would never end", () => {
  it.each([
    "object.list.all(a, object.list.all(b, object.list.all(c, a + b + c >= 0)))",
    "object.list.exists(a, object.list.exists(b, object.list.exists(c, a.x)))",
    // Swallowing the error does not hide it.
    "object.list.exists(a, object.list.exists(b, object.list.exists(c, a < 0))) || true",
    "object.list.map(a, object.list.map(b, object.list)).size() > 0",
    `cel.bind(x, object.text, ${doubled(25)})`,
    `cel.bind(x, object.list, ${doubled(25)})`,
    "object.list.map(a, object.list == object.list.map(x, x)).size()",
    "object.list.all(a, a in object.list.map(x, x + 1) || true)",
    "object.text.split('').join(object.text)",
    "object.list.map(a, object.text.replace('a', 'bb')).size()",
    "object.list.map(a, object.text.matches('(a|aa)+b')).size()",
    "object.text.findAll('a*b').size()",
    "object.list.map(a, timestamp('2024-01-01T00:00:00Z').getHours('Europe/Berlin')).size()",
    "object.list.map(a, object.list.sort()).size()",
    "object.list.map(a, '%s'.format([object.list])).size()",
  ])(
    "%s",
    (source) => {
      const program = compileCel(source, { variables: { object: "dyn" } });
      expect(() => program.evaluate({ object })).toThrow(
        expect.objectContaining({ name: "CelError", code: "exhausted" }),
      );
    },
    LONGEST_MS,
  );

  it("does not build more text than it may", () => {
    const program = compileCel("object.text.replace('a', object.text)", {
      variables: { object: "dyn" },
    });
    expect(() => program.evaluate({ object })).toThrow(/too long a text/);
  });

  it("answers a pattern that backtracking engines never finish", () => {
    const program = compileCel("text.matches('^(a+)+$')", { variables: { text: "string" } });
    expect(program.evaluate({ text: `${"a".repeat(2000)}b` })).toBe(false);
  });

  it("leaves the next evaluation alone", () => {
    const source = "object.list.all(a, object.list.all(b, a + b >= 0))";
    const program = compileCel(source, { variables: { object: "dyn" } });
    expect(() => program.evaluate({ object })).toThrow(CelError);
    expect(program.evaluate({ object: { list: [1, 2] } })).toBe(true);
  });
});

describe("an expression that is hardly one", () => {
  it.each([
    `${"!".repeat(3900)}true`,
    `${"-".repeat(3900)}1`,
    `${"(".repeat(5000)}1${")".repeat(5000)}`,
    `${"[".repeat(5000)}1${"]".repeat(5000)}`,
    Array.from({ length: 1900 }, () => "1").join("+"),
    Array.from({ length: 7000 }, () => "1").join("+"),
    `a${".a".repeat(3900)}`,
    `${"a?".repeat(3900)}`,
  ])("is answered or refused: %#", (source) => {
    let outcome: unknown;
    try {
      outcome = compileCel(source, { variables: { a: "dyn" } }).evaluate({ a: {} });
    } catch (error) {
      outcome = error;
    }
    expect(outcome instanceof CelError || ["number", "boolean"].includes(typeof outcome)).toBe(
      true,
    );
  });

  it("refuses values that are too deep or too large", () => {
    const program = compileCel("size(object) > 0", { variables: { object: "dyn" } });
    let deep: unknown = {};
    for (let depth = 0; depth < 10_000; depth++) deep = { deep };
    expect(() => program.evaluate({ object: deep })).toThrow(/too deeply/);
    const large = { list: Array.from({ length: 1_100_000 }, () => 0) };
    expect(() => program.evaluate({ object: large })).toThrow(/too large/);
  });
});

describe("names of a prototype", () => {
  it.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"])("%s", (name) => {
    const options = { variables: { object: "dyn", key: "string" } };
    const read = compileCel("object[key]", options);
    expect(() => read.evaluate({ object: {}, key: name })).toThrow(/No such key/);
    const own = JSON.parse(`{"${name}": "mine"}`) as unknown;
    expect(read.evaluate({ object: own, key: name })).toBe("mine");
    const copied = compileCel("object", options).evaluate({ object: own, key: name });
    expect(Object.keys(copied as object)).toEqual([name]);
    expect(Object.getPrototypeOf(copied)).toBe(Object.prototype);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it("are nowhere to be had from values of the engine", () => {
    for (const source of [
      "'a'.constructor",
      "[1].constructor",
      "quantity('1').quantity",
      "timestamp('2024-01-01T00:00:00Z').constructor",
      "duration('1s').constructor",
      "type(1).constructor",
      "cel.constructor",
      "optional.of(1).constructor.constructor",
    ]) {
      expect(() => {
        const value = compileCel(source, { variables: {} }).evaluate({});
        if (value !== undefined) throw new Error("there was something");
        throw new CelError("failed", "nothing");
      }, source).toThrow(CelError);
    }
  });
});
