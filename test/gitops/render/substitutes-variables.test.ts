/** Variables as Flux puts them in: the grammar, the types of what comes out, and what is refused. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expand, ExpandError } from "../../../src/gitops/render/substitute/expand.ts";
import { globPrefixes } from "../../../src/gitops/render/substitute/glob-prefixes.ts";
import { environmentWith, objectNamed, renderFiles } from "./rendered-files.ts";

const VALUES: Record<string, string> = {
  a: "abcABC123ABCabc",
  b: "bash.string.txt",
  path: "/path/to/file",
  upper: "ABC",
  empty: "",
  n: "3",
};
const values = new Map(Object.entries(VALUES));

test.each([
  ["plain text", "plain text"],
  ["${n}", "3"],
  ["x${n}y${upper}z", "x3yABCz"],
  ["$n and $(n) and $", "$n and $(n) and $"],
  ["$${n}", "${n}"],
  ["$${n}${n}$${missing:-x}", "${n}3${missing:-x}"],
  ["\\n \\\\ ${n}", "\\n \\\\ 3"],
  ["${missing:-fallback}", "fallback"],
  ["${missing:=fallback}", "fallback"],
  ["${missing=fallback}", "fallback"],
  ["${missing-fallback}", "fallback"],
  ["${missing:-}", ""],
  ["${empty:-fallback}", "fallback"],
  ["${empty:=fallback}", "fallback"],
  ["${empty-fallback}", ""],
  ["${n:+other}", "other"],
  ["${missing:+other}", ""],
  ["${missing:-${n}}", "3"],
  ["${missing:-pre${n}-post}", "pre3-post"],
  ["${missing:-${other:-${n}}}", "3"],
  ["${missing:-a:b/c#d%e}", "a:b/c#d%e"],
  ["${#a}", "15"],
  ["${upper,}", "aBC"],
  ["${upper,,}", "abc"],
  ["${a^}", "AbcABC123ABCabc"],
  ["${a^^}", "ABCABC123ABCABC"],
  ["${a:3}", "ABC123ABCabc"],
  ["${a:3:3}", "ABC"],
  ["${a: -3}", "abc"],
  ["${a:100}", ""],
  ["${a:0:-3}", "abcABC123ABC"],
  ["${a:x}", "abcABC123ABCabc"],
  ["${a/abc/xyz}", "xyzABC123ABCabc"],
  ["${a//abc/xyz}", "xyzABC123ABCxyz"],
  ["${a/#abc/xyz}", "xyzABC123ABCabc"],
  ["${a/%abc/xyz}", "abcABC123ABCxyz"],
  ["${a/abc/}", "ABC123ABCabc"],
  ["${path//\\//-}", "-path-to-file"],
  ["${b#*.}", "string.txt"],
  ["${b##*.}", "txt"],
  ["${b%.*}", "bash.string"],
  ["${b%%.*}", "bash"],
  ["${path##*/}", "file"],
  ["${path#*/}", "path/to/file"],
  ["${b#[a-c]a??}", ".string.txt"],
  ["${b#x}", "bash.string.txt"],
])("%s is %s", (text, expected) => {
  expect(expand(text, values)).toBe(expected);
});

test.each([
  ["${missing}", /the variable missing is not set/],
  ["${#missing}", /missing is not set/],
  ["${missing^^}", /missing is not set/],
  ["${missing:?say why}", /missing is not set: say why/],
  ["${empty:?say why}", /empty is not set/],
  ["${}", /not written as Flux reads it/],
  ["${1}", /not written/],
  ["${n", /not written/],
  ["${n!}", /not written/],
  ["${n:-${n}", /not written/],
  [`${"${zz:-".repeat(40)}x${"}".repeat(40)}`, /nest deeper than 16/],
])("%s is refused", (text, message) => {
  expect(() => expand(text, values)).toThrow(ExpandError);
  expect(() => expand(text, values)).toThrow(message);
});

test("values never stand in messages", () => {
  const secret = new Map([["token", "hunter2-".repeat(20_000)]]);
  for (const text of ["${token!}", "${token#*}${missing}", `\${token%${"*a".repeat(600)}}`]) {
    const message = (() => {
      try {
        expand(text, secret);
        return "";
      } catch (error) {
        return String(error);
      }
    })();
    expect(message).toMatch(/ExpandError/);
    expect(message).not.toContain("hunter2");
  }
});

test("whatever is written, it ends, and text without ${ is left alone", () => {
  const piece = fc.constantFrom(
    "${",
    "}",
    "$",
    "$$",
    "a",
    "n",
    ":",
    "-",
    "=",
    "#",
    "%",
    "/",
    "^",
    "*",
    "?",
    "[",
    "]",
    "\\",
    "missing",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join("");
      try {
        const expanded = expand(text, values);
        if (!text.includes("${")) expect(expanded).toBe(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ExpandError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("patterns take time that grows with the text, not with its possibilities", () => {
  const startedAt = performance.now();
  const text = [..."a".repeat(20_000)];
  expect(globPrefixes(text, `${"*a".repeat(20)}b`, false)).toEqual([]);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("variables that repeat each other do not grow without end", () => {
  const big = new Map([["x", "x".repeat(600_000)]]);
  expect(() => expand("${x}${x}", big)).toThrow(/grows beyond/);
});

describe("in manifests", () => {
  const variables = (entries: Record<string, string>) => ({
    environment: environmentWith({
      variables: { id: JSON.stringify(entries), values: new Map(Object.entries(entries)) },
    }),
  });
  const config = (data: string, rest = ""): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n${rest}data:\n${data}\n`;

  test("a field that is one variable has the type of its value; what must be text stays text", async () => {
    const files = {
      "d.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: \${name}
  annotations: {note: "\${yes}", "\${name}/x": "1"}
spec:
  replicas: \${n}
  paused: \${yes}
  selector: {matchLabels: {app: "\${n}"}}
  template:
    metadata: {labels: {app: "\${n}"}}
    spec:
      containers:
        - name: c
          image: "x:\${tag}"
          args: ["\${n}", "--on=\${yes}"]
          env: [{name: A, value: "\${n}"}]
      tolerations: \${tolerations}
      nodeSelector: {a: "\${yes}"}
`,
    };
    const given = {
      name: "web",
      n: "3",
      yes: "true",
      tag: "1.10",
      tolerations: '[{"operator": "Exists"}]',
    };
    const rendered = await renderFiles(files, {}, variables(given));
    expect(rendered.errors).toEqual([]);
    expect(objectNamed(rendered, "web")).toMatchObject({
      metadata: { annotations: { note: "true", "web/x": "1" } },
      spec: {
        replicas: 3,
        paused: true,
        selector: { matchLabels: { app: "3" } },
        template: {
          spec: {
            containers: [{ image: "x:1.10", args: ["3", "--on=true"], env: [{ value: "3" }] }],
            tolerations: [{ operator: "Exists" }],
            nodeSelector: { a: "true" },
          },
        },
      },
    });
  });

  test("an unset variable is an error at its field; nothing is applied or pruned", async () => {
    const { errors, complete } = await renderFiles(
      { "c.yaml": config("  a: x\n  b: ${missing}") },
      {},
      variables({}),
    );
    expect(errors).toEqual([
      expect.stringMatching(/^c\.yaml:7:6: the variable missing is not set\. Set it in/),
    ]);
    expect(complete).toBe(false);
  });

  test("who opts out is left alone, by annotation or label", async () => {
    for (const field of ["annotations", "labels"]) {
      const rest = `  ${field}: {kustomize.toolkit.fluxcd.io/substitute: disabled}\n`;
      const rendered = await renderFiles(
        { "c.yaml": config("  a: ${missing}", rest) },
        {},
        variables({}),
      );
      expect(objectNamed(rendered, "c")["data"]).toEqual({ a: "${missing}" });
    }
  });

  test("without postBuild, ${…} is text", async () => {
    expect(
      objectNamed(await renderFiles({ "c.yaml": config("  a: ${missing}") }, {}), "c")["data"],
    ).toEqual({ a: "${missing}" });
  });

  test("another value is another rendering, the same one is not", async () => {
    const id = async (n: string): Promise<string> =>
      (await renderFiles({ "c.yaml": config("  a: ${n}") }, {}, variables({ n }))).id;
    expect(await id("1")).toBe(await id("1"));
    expect(await id("1")).not.toBe(await id("2"));
  });
});
