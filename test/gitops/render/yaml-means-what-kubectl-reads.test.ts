/** Scalars, keys, merges and encodings, against what kubectl (go-yaml v2) makes of them. */
import { describe, expect, test } from "vitest";
import { decodeText } from "../../../src/gitops/render/yaml/decode-text.ts";
import { parseYaml } from "../../../src/gitops/render/yaml/parse-yaml.ts";
import type { Json } from "../../../src/kube/object.ts";

function valueOf(text: string): Json | undefined {
  const { documents, problems } = parseYaml(text);
  expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
  return documents[0]?.value;
}

function rulesOf(text: string): string[] {
  return parseYaml(text).problems.map((problem) => problem.rule);
}

describe("scalars", () => {
  test.each<[string, Json]>([
    ["yes", true],
    ["on", true],
    ["y", true],
    ["True", true],
    ["off", false],
    ["n", false],
    ["NO", false],
    ["tRue", "tRue"],
    ["", null],
    ["~", null],
    ["Null", null],
    ["nULL", "nULL"],
    ["014", 12],
    ["0777", 511],
    ["0o14", 12],
    ["08", 8],
    ["0x1F", 31],
    ["1_000", 1000],
    ["0b11", 3],
    ["-0b11", -3],
    ["+7", 7],
    ["-7", -7],
    ["1:30", "1:30"],
    ["12:30:45", "12:30:45"],
    ["2024-01-01", "2024-01-01"],
    ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"],
    ["1.5", 1.5],
    ["1e3", 1000],
    ["1.", 1],
    [".5", 0.5],
    ["-1.5e-3", -0.0015],
    ["1e20", 1e20],
    ["1.2.3", "1.2.3"],
    ["1e400", "1e400"],
    [".1_0", 0.1],
    ["100m", "100m"],
    ["1Gi", "1Gi"],
    [".", "."],
    ["-", "-"],
    ["+", "+"],
    ["0x", "0x"],
    ["0o8", "0o8"],
    ["-0", 0],
    ["9007199254740992", 9007199254740992],
    ["18446744073709551616", 18446744073709551616],
    ["'yes'", "yes"],
    ['"014"', "014"],
    ["'2024-01-01'", "2024-01-01"],
    ["!!str 5", "5"],
    ["!!int '5'", 5],
    ["!!bool 'yes'", true],
    ["!!float 5", 5],
    ["!custom 5", "5"],
    ["!!binary aGVsbG8=", "hello"],
  ])("%s is %j", (text, expected) => {
    // A lone dash would be a list.
    const document = text === "-" ? "a: - \n".replace("- ", "'-'") : `a: ${text}\n`;
    expect(valueOf(document)).toEqual({ a: expected });
  });

  test.each([".nan", ".inf", "-.Inf", "9007199254740993", "18446744073709551615"])(
    "%s is an error: JSON cannot hold it",
    (text) => {
      expect(rulesOf(`a: ${text}\n`)).toEqual(["yaml/unsupported-value"]);
    },
  );

  test.each(["!!int x", "!!bool 1", "!!float x", "!!null x", '!!binary "%"'])(
    "%s is an error: the value is not what its tag says",
    (text) => {
      expect(rulesOf(`a: ${text}\n`)).toEqual(["yaml/unsupported-value"]);
    },
  );

  test("block scalars keep their text", () => {
    expect(valueOf("a: |\n  yes\n  014\nb: >-\n  one\n  two\n")).toEqual({
      a: "yes\n014\n",
      b: "one two",
    });
  });
});

describe("keys", () => {
  test.each([
    ["1: x", "1"],
    ["014: x", "12"],
    ["1.50: x", "1.5"],
    ["0.00001: x", "1e-05"],
    ["1e21: x", "1e+21"],
    ["true: x", "true"],
    ["'y': x", "y"],
    ["a b: x", "a b"],
  ])("%s has the key %j", (text, key) => {
    expect(valueOf(text)).toEqual({ [key]: "x" });
  });

  test("a key that kubectl reads as something else is warned of", () => {
    const { documents, problems } = parseYaml("data:\n  on: 1\n");
    expect(documents[0]?.value).toEqual({ data: { true: 1 } });
    expect(problems).toMatchObject([
      { severity: "warning", rule: "yaml/ambiguous-key", offset: 8 },
    ]);
  });

  test("keys that are no text are errors", () => {
    expect(rulesOf("? [a]\n: b\n")).toEqual(["yaml/unsupported-key"]);
    expect(rulesOf("~: b\n")).toEqual(["yaml/unsupported-key"]);
  });

  test("duplicates are errors that name both places, also across spellings", () => {
    const { problems } = parseYaml("a: 1\nb: 2\n'a': 3\n");
    expect(problems).toMatchObject([{ rule: "yaml/duplicate-key", offset: 10, firstOffset: 0 }]);
    expect(rulesOf("yes: 1\ntrue: 2\n")).toContain("yaml/duplicate-key");
    expect(rulesOf('{"a": 1, "a": 2}')).toEqual(["yaml/duplicate-key"]);
  });

  test("__proto__ is a key like any other", () => {
    const value = valueOf('__proto__: {polluted: true}\nconstructor: 1\n"hasOwnProperty": 2\n');
    expect(JSON.stringify(value)).toBe(
      '{"__proto__":{"polluted":true},"constructor":1,"hasOwnProperty":2}',
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("anchors, aliases and merges", () => {
  test("aliases repeat values, merges fill gaps", () => {
    const text =
      "base: &b {x: 1, w: 2}\nuse: *b\nmerged:\n  <<: *b\n  w: 3\nlist:\n  <<: [*b, {z: 4}]\n";
    expect(valueOf(text)).toEqual({
      base: { x: 1, w: 2 },
      use: { x: 1, w: 2 },
      merged: { w: 3, x: 1 },
      list: { x: 1, w: 2, z: 4 },
    });
  });

  test("the latest anchor of a name counts", () => {
    expect(valueOf("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")).toEqual({ a: 1, b: 1, c: 2, d: 2 });
  });

  test("unknown and circular aliases are errors", () => {
    expect(rulesOf("a: *nope\n")).toEqual(["yaml/alias"]);
    expect(rulesOf("a: &a [*a]\n")).toEqual(["yaml/alias"]);
    expect(rulesOf("a: *late\nb: &late 1\n")).toEqual(["yaml/alias"]);
  });

  test("an alias bomb is refused at once", () => {
    const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
    for (let n = 1; n < 10; n++)
      lines.push(`a${n}: &a${n} [${Array.from({ length: 10 }, () => `*a${n - 1}`).join(",")}]`);
    const startMs = performance.now();
    const { documents, problems } = parseYaml(lines.join("\n"));
    expect(problems.map((problem) => problem.rule)).toEqual(["yaml/alias-bomb"]);
    expect(documents[0]?.value).toBeUndefined();
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  test("a bomb of merges is one, too", () => {
    const lines = [`a0: &a0 {${Array.from({ length: 1000 }, (_, i) => `k${i}: 1`).join(", ")}}`];
    for (let n = 0; n < 500; n++) lines.push(`m${n}: {<<: *a0}`);
    expect(rulesOf(lines.join("\n"))).toEqual(["yaml/alias-bomb"]);
  });
});

describe("depth", () => {
  test.each([
    ["brackets", (depth: number) => "a: " + "[".repeat(depth) + "]".repeat(depth)],
    ["braces", (depth: number) => "{a: ".repeat(depth) + "1" + "}".repeat(depth)],
    ["dashes", (depth: number) => "- ".repeat(depth) + "1"],
    [
      "indentation",
      (depth: number) => Array.from({ length: depth }, (_, n) => `${" ".repeat(n)}a:`).join("\n"),
    ],
  ])("%s: 90 levels are read, 120 and 5,000 are one error", (_, nested) => {
    expect(rulesOf(nested(90))).toEqual([]);
    expect(rulesOf(nested(120))).toEqual(["yaml/too-deep"]);
    expect(rulesOf(nested(5_000))).toEqual(["yaml/too-deep"]);
  });

  test("20,000 open brackets end in one error, soon", () => {
    const startMs = performance.now();
    expect(rulesOf("[".repeat(20_000))).toHaveLength(1);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});

describe("documents", () => {
  test("are told apart, empty ones are null, comments are nothing", () => {
    const { documents } = parseYaml("# head\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n");
    expect(documents.map((document) => document.value)).toEqual([{ a: 1 }, null, { b: 2 }]);
  });

  test("a broken one does not hide the others", () => {
    const { documents, problems } = parseYaml("a: 1\n---\nb: [1\n---\nc: 3\n");
    expect(documents.map((document) => document.value)).toEqual([{ a: 1 }, undefined, { c: 3 }]);
    expect(problems).toHaveLength(1);
  });

  test("JSON is YAML", () => {
    expect(valueOf('{"a": [1, 2.5, "x", null, true], "b": {"\\u0041": "\\n"}}')).toEqual({
      a: [1, 2.5, "x", null, true],
      b: { A: "\n" },
    });
  });

  test("line ends of Windows and a directive are understood", () => {
    expect(valueOf("%YAML 1.1\r\n---\r\na: yes\r\nb: |\r\n  x\r\n  y\r\n")).toEqual({
      a: true,
      b: "x\ny\n",
    });
  });
});

describe("malformed text", () => {
  test.each([
    ["a tab", "a:\n\tb: 1\n", "yaml/tab", 3],
    ["an open quote", 'a: "x\n', "yaml/syntax", undefined],
    ["wrong indentation", "a: 1\n b: 2\n", "yaml/syntax", undefined],
    ["a second colon", "a: b: c\n", "yaml/syntax", 3],
    ["an open bracket", "a: [1, 2\nb: 3\n", "yaml/syntax", undefined],
    ["an at sign", "a: @x\n", "yaml/syntax", 3],
    ["a control character", "a: \u0001x\n", "yaml/control-character", 3],
    ["a list where a map goes on", "a: 1\n- b\n", "yaml/syntax", undefined],
  ])("%s is one error", (_, text, rule, offset) => {
    const { problems } = parseYaml(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ severity: "error", rule });
    if (offset !== undefined) expect(problems[0]?.offset).toBe(offset);
    expect(problems[0]?.message).not.toMatch(/\n/);
  });

  test("a template is recognised", () => {
    const { problems } = parseYaml("{{- if .Values.x }}\na: b\n{{- end }}\n");
    expect(problems[0]?.suggestion).toContain("template");
  });
});

describe("bytes", () => {
  test("UTF-8 with and without a mark, UTF-16 of both orders", () => {
    const text = "a: grün\n";
    const utf16le = Buffer.from(`\ufeff${text}`, "utf16le");
    const utf16be = Buffer.from(utf16le).swap16();
    for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`), utf16le, utf16be])
      expect(decodeText(bytes)).toEqual({ text });
  });

  test("what is no text is told from broken text", () => {
    expect(decodeText(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1]))).toMatchObject({
      problem: "binary",
    });
    expect(decodeText(Buffer.from([0x61, 0xc3, 0xbc, 0x3a, 0xff, 0x20]))).toEqual({
      problem: "invalid-utf8",
      offset: 4,
    });
  });
});
