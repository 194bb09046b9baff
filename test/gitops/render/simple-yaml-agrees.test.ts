/** The fast reader takes a text only when the full parser reads exactly the same from it. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFullYaml } from "../../../src/gitops/render/yaml/parse-yaml.ts";
import { parseSimpleYaml } from "../../../src/gitops/render/yaml/simple-yaml.ts";
import {
  DEFAULT_YAML_LIMITS,
  type YamlDocument,
} from "../../../src/gitops/render/yaml/yaml-document.ts";

/** Whether the fast reader took it; fails when it read something else. */
function agree(text: string): boolean {
  const simple = parseSimpleYaml(text, DEFAULT_YAML_LIMITS);
  if (simple === undefined) return false;
  const full = parseFullYaml(text, DEFAULT_YAML_LIMITS);
  expect(full.problems).toEqual([]);
  expect(simple.map((document) => document.value)).toEqual(
    full.documents.map((document) => document.value),
  );
  const starts = (documents: readonly YamlDocument[]): number[] =>
    documents.filter((document) => document.value !== null).map((document) => document.start);
  expect(starts(simple)).toEqual(starts(full.documents));
  for (const { value, range } of simple) {
    if (value === null) continue;
    // The range alone is enough to read the document again.
    const again = parseFullYaml(text.slice(...range), DEFAULT_YAML_LIMITS);
    expect(again.documents[0]?.value).toEqual(value);
  }
  return true;
}

const DEPLOYMENT = `# a comment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web   # trailing
  labels: {app: web, tier: "front", num: 1}
  annotations:
    example.com/note: it's plain
    other: 'single ''quoted'''
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: web
        image: registry:5000/web:v1
        command: ["node", "server.js", '-p', 8080]
        args:
        - --flag=x
        -   spaced
        -
          name: nested
        - - a
          - b
        env: []
        script: |
          set -e

            indented
          done
        folded: >-
          one
          two

          three
        keep: |+
          x

        long: this goes on
          over lines

          and a paragraph
        empty:
        escaped: "tab\\t quote\\" \\u00e9"
---
# only a comment
---
{"json": [1, 2, {"a": null}], "b": true}
`;

describe("texts that the fast reader must take", () => {
  test("a manifest of everyday YAML", () => {
    expect(agree(DEPLOYMENT)).toBe(true);
  });

  test.each([
    ["a:\n- b\nc: d\n"],
    ["- a\n- b: c\n  d: e\n"],
    ["a: 1"],
    ["a:"],
    ["a: |\n  x"],
    ["a: |\n\n\n  x\n\n\n"],
    ["a: |-\n  x\n\n"],
    ["a: |+\n  x\n\n\nb: 1\n"],
    ["a: |\nb: 1\n"],
    ["a: >\n\n  x\n  y\n\n\n  z\n\n"],
    ["---\na: 1\n---\nb: 2\n---\n"],
    ["--- # first\na: 1\n"],
    ["# nothing\n"],
    [""],
    ["\n\n  \n"],
    ["a: http://x:80/#frag\n"],
    ["a: b #c\nd: e#f\n"],
    ['{\n  "a": {\n    "b": [\n      1,\n      2\n    ]\n  }\n}\n'],
    ["a: -x\nb: ?x\nc: :x\nd: -\u00a0\n"],
    ["a: 014\nb: yes\nc: 1_000\nd: ~\ne: ''\n"],
  ])("%j", (text) => {
    expect(agree(text)).toBe(true);
  });
});

test.each([
  ["a: 1\na: 2\n"],
  ["a: &x 1\nb: *x\n"],
  ["a: !!str 1\n"],
  ["a:\tb\n"],
  ["a:\n\t- b\n"],
  ["a: b: c\n"],
  ["a: [1, 2\n"],
  ["a: 'x\n"],
  ["a: 1\n b: 2\n"],
  ["a:\n  b: 1\n c: 2\n"],
  ["a: - b\n"],
  ["- a\nb: c\n"],
  ["<<: {a: 1}\n"],
  ["on: 1\n"],
  ["a: .nan\n"],
  ["a: |2\n   x\n"],
  ["%YAML 1.1\n---\na: 1\n"],
  ["a: 1\n...\n"],
  ["--- {a: 1}\n"],
  ["a: 1\r\n"],
  ["? a\n: b\n"],
  ["text\n"],
])("left to the full parser: %j", (text) => {
  expect(parseSimpleYaml(text, DEFAULT_YAML_LIMITS)).toBeUndefined();
});

test("every mutation of everyday YAML is read alike or left alone", () => {
  const pieces = fc.constantFrom(
    ..."\n|  |    |- |-|: |:|#| #|'|\"|[|]|{|}|,|&a|*a|!t|||>|%|@|`|?|? |---|...|\t|~|yes|0|1_0|-|x|é|\\|<<|\\n|a: |b:".split(
      "|",
    ),
    "|",
    "\n\n",
    "\n  ",
    "\n---\n",
  );
  const edit = fc.record({
    at: fc.nat(DEPLOYMENT.length),
    remove: fc.nat(6),
    insert: fc.array(pieces, { maxLength: 3 }),
  });
  let taken = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = DEPLOYMENT;
      for (const { at, remove, insert } of edits)
        text = text.slice(0, at) + insert.join("") + text.slice(at + remove);
      if (agree(text)) taken++;
    }),
    { numRuns: 1_500 },
  );
  expect(taken).toBeGreaterThan(50);
});

test("random lines are read alike or left alone", () => {
  const word = fc.constantFrom(
    "a",
    "b",
    "x y",
    "1",
    "014",
    "yes",
    "-1",
    "a:b",
    "#c",
    "é",
    "'q'",
    '"d"',
    "[a, b]",
    "{k: v}",
    "|",
    ">-",
    "|+",
    "",
    "- z",
    "[]",
    "x #c",
    "~",
    "a'b",
    'c"d',
  );
  const line = fc
    .tuple(
      fc.constantFrom("", "  ", "    ", " ", "- ", "  - ", "- - ", "    - "),
      fc.constantFrom("", "k: ", "l: ", "m:", "n.o/p: ", "'r': "),
      word,
      fc.constantFrom("", " ", "  # c"),
    )
    .map((parts) => parts.join(""));
  let taken = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 7 }), fc.constantFrom("", "\n"), (lines, end) => {
      if (agree(lines.join("\n") + end)) taken++;
    }),
    { numRuns: 6_000 },
  );
  expect(taken).toBeGreaterThan(200);
});

test("the sample repository is read by the fast reader", () => {
  const root = join(import.meta.dirname, "../../../sample-repo");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" });
  // Templates of a chart are not YAML yet.
  for (const file of files.filter((name) => /^(?!.*templates).*\.ya?ml$/.test(name)))
    expect([file, agree(readFileSync(join(root, file), "utf8"))]).toEqual([file, true]);
});
