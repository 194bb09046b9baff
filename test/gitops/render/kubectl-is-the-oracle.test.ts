/** The same documents through the real kubectl, where there is one: it must read what we read. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseYaml } from "../../../src/gitops/render/yaml/parse-yaml.ts";
import { temporaryDirectory } from "../../git-fixture.ts";

const run = promisify(execFile);
const hasKubectl = await run("kubectl", ["version", "--client"]).then(
  () => true,
  () => false,
);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.dispose());

const HEAD = "apiVersion: example.com/v1\nkind: Example\nmetadata:\n  name: x\nspec:\n";

/** What kubectl makes of `spec`, or undefined when it refuses. */
async function kubectlReads(spec: string): Promise<unknown> {
  const file = join(directory.path, "in.yaml");
  await writeFile(file, HEAD + spec);
  const args = ["annotate", "--local", "-f", file, "-o", "json", "a=b"];
  try {
    const { stdout } = await run("kubectl", args, { env: { PATH: process.env["PATH"] ?? "" } });
    return (JSON.parse(stdout) as { spec: unknown }).spec;
  } catch {
    return undefined;
  }
}

function weRead(spec: string): unknown {
  const { documents, problems } = parseYaml(HEAD + spec);
  if (problems.some((problem) => problem.severity === "error")) return undefined;
  return (documents[0]?.value as { spec?: unknown } | undefined)?.spec;
}

const SCALARS =
  "yes|no|on|off|y|n|Y|True|tRue|null|~|Null|nULL|014|08|0777|0o14|0o8|0x1F|0XFF|0b11|0B1|-0b11|-0x1F|-014|+7|1_000|1__0|_1|1_|1_.5|1.|.5|-.5|+.5|.1_0|1e3|1E3|1e20|1e21|1e400|1e-7|-0|00|1:30|12:30:45|2024-01-01|2024-01-01T00:00:00Z|100m|1Gi|0b|0x|.|..|a.b|!!str 5|!!int '5'|!!float 5|!!bool 'yes'|!!null ''|!!binary aGVsbG8=|!custom 5|!x|'yes'|\"\\u00e9\\x41\\n\"|x # c|a#b|http://x:80/#f|-x|?x|:x|[a, b]|{a: 1}|[b: 1]|{b}|{b:1}|{\"b\":1}|[x y, z]".split(
    "|",
  );

const SHAPES = [
  "  a: |\n    x\n",
  "  a: |+\n    x\n\n\n",
  "  a: |-\n    x\n\n",
  "  a: >\n    x\n    y\n\n    z\n      w\n    v\n",
  "  a: >-\n    x\n\n\n    y\n",
  "  a: |2\n     x\n",
  "  a: |\n\n\n    x\n     y\n",
  "  a: x\n    y\n\n    z\n",
  '  a: "x\n    y"\n',
  "  ? a\n  : b\n",
  "  a:\n  - b\n  c: d\n",
  "  - a\n  - b\n",
  "  a: [1,\n   2]\n",
  "  a: {b: 1,}\n",
  "  x: &x {b: 1}\n  c:\n    <<: *x\n    d: 2\n",
  "  <<: {a: 1}\n  <<: {b: 2}\n",
  "  1: a\n  1.50: b\n  1e3: c\n  0.00001: d\n  1e21: e\n",
  "  on: 1\n  nested: {y: 1, n: 2}\n",
  "  a: b\r\n  c: |\r\n    d\r\n",
];

const REFUSED = [
  "  a: @x\n",
  "  a: `x\n",
  "  a: x:\n",
  "  a: b: c\n",
  "  a: *x\n",
  "  a: - b\n",
  '  a: "b" c\n',
  '  a: "\n',
  '  a: "\\z"\n',
  "  a: \u0001\n",
  "  a: .nan\n",
  "  a: -.inf\n",
  "  ~: b\n",
  "  ? [a]\n  : b\n",
  "  x: &a [*a]\n",
  "  x: {<<: 3}\n",
  "  a: !!int x\n",
  '  a: !!binary "%"\n',
  "  a:\n\t- b\n",
  "  a: [a, , b]\n",
  "  a: 1\n b: 2\n",
];

describe.skipIf(!hasKubectl)("kubectl", () => {
  test("reads every kind of scalar as we do", async () => {
    const spec = `  s:\n${SCALARS.map((scalar) => `  - ${scalar}\n`).join("")}`;
    expect(weRead(spec)).toEqual(await kubectlReads(spec));
  });

  test.each(SHAPES)("reads %j as we do", async (spec) => {
    const ours = weRead(spec);
    expect(ours).toBeDefined();
    expect(ours).toEqual(await kubectlReads(spec));
  });

  test.each(REFUSED)("refuses %j, and so do we", async (spec) => {
    expect(await kubectlReads(spec)).toBeUndefined();
    expect(weRead(spec)).toBeUndefined();
  });
});
