/** What each output format says of the same report; the expected texts are the specification. */
import { expect, test } from "vitest";
import { formats, type OutputFormat } from "../../../src/gitops/check/output/formats.ts";
import { jsonPointer } from "../../../src/gitops/check/output/json.ts";
import { validatePaths, type ValidationReport } from "../../../src/gitops/check/validate-paths.ts";

const INPUT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replica: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: 12
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: fine
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: fine
---
apiVersion: example.com/v1
kind: Widget
metadata:
  name: w<&">
`;

function report(text: string, ignoreMissingSchemas = true): Promise<ValidationReport> {
  return validatePaths(["-"], {
    readStdin: () => Promise.resolve(Buffer.from(text)),
    ignoreMissingSchemas,
  });
}

async function output(format: OutputFormat, text = INPUT): Promise<string> {
  return formats[format](await report(text), {});
}

test("text", async () => {
  expect(
    await output("text"),
  ).toBe(`error[schema/unknown-field]: spec.replica: there is no such field
 --> stdin:7:3 (Deployment web)
  |
7 |   replica: 3
  |   ^
  = help: Did you mean "replicas"?

error[schema/wrong-type]: spec.template.spec.containers[0].image: must be a string, not an integer
  --> stdin:16:18 (Deployment web)
   |
16 |           image: 12
   |                  ^
   = help: Put the value in quotes

error[manifest/duplicate]: ConfigMap fine is defined twice, first at stdin:18
  --> stdin:23:1 (ConfigMap fine)
   |
23 | apiVersion: v1
   | ^
   = first defined here: stdin:18:1
   = help: Remove one of the two, or give it another name or namespace

info[schema/unknown-kind]: there is no kind Widget in example.com/v1
  --> stdin:29:7 (Widget w<&">)
   |
29 | kind: Widget
   |       ^
   = help: Add its CustomResourceDefinition to the input

4 objects in 1 file: 0 valid, 3 invalid, 0 with errors, 1 skipped
`);
});

test("color changes nothing but the color", async () => {
  const result = await report(INPUT);
  const colored = formats.text(result, { color: true });
  expect(colored).toContain("\u001b[31m");
  const escape = /\p{Cc}\[\d+m/gu;
  expect(colored.replace(escape, "")).toBe(formats.text(result, {}));
});

test("json has kubeconform's shape", async () => {
  const parsed = JSON.parse(await output("json")) as {
    resources: Record<string, unknown>[];
    summary: object;
    findings: unknown[];
  };
  expect(parsed.summary).toEqual({ valid: 0, invalid: 3, errors: 0, skipped: 1 });
  expect(parsed.resources[0]).toEqual({
    filename: "stdin",
    kind: "Deployment",
    name: "web",
    version: "apps/v1",
    status: "statusInvalid",
    msg: "7:3: spec.replica: there is no such field; 16:18: spec.template.spec.containers[0].image: must be a string, not an integer",
    validationErrors: [
      { path: "/spec/replica", msg: "spec.replica: there is no such field" },
      {
        path: "/spec/template/spec/containers/0/image",
        msg: "spec.template.spec.containers[0].image: must be a string, not an integer",
      },
    ],
  });
  expect(parsed.findings).toHaveLength(4);
  const verbose = JSON.parse(formats.json(await report(INPUT), { verbose: true })) as {
    resources: unknown[];
  };
  expect(verbose.resources).toHaveLength(4);
});

test.each([
  ["spec.containers[0].ports[1].name", "/spec/containers/0/ports/1/name"],
  ["metadata.annotations[a.b/c~d]", "/metadata/annotations/a.b~1c~0d"],
  ["metadata", "/metadata"],
])("%s as a JSON pointer is %s", (path, pointer) => {
  expect(jsonPointer(path)).toBe(pointer);
});

test("junit", async () => {
  expect(await output("junit")).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="gantry" tests="4" failures="3" errors="0" disabled="0">
  <testsuite name="stdin" id="1" package="gantry" tests="4" failures="3" errors="0" skipped="1">
    <testcase name="web" classname="Deployment@apps/v1"><failure message="7:3: spec.replica: there is no such field; 16:18: spec.template.spec.containers[0].image: must be a string, not an integer" type="schema/unknown-field"></failure></testcase>
    <testcase name="fine" classname="ConfigMap@v1"><failure message="23:1: ConfigMap fine is defined twice, first at stdin:18" type="manifest/duplicate"></failure></testcase>
    <testcase name="fine" classname="ConfigMap@v1"><failure message="23:1: ConfigMap fine is defined twice, first at stdin:18" type="manifest/duplicate"></failure></testcase>
    <testcase name="w&lt;&amp;&quot;&gt;" classname="Widget@example.com/v1"><skipped/></testcase>
  </testsuite>
</testsuites>
`);
});

test("tap", async () => {
  expect(await output("tap")).toBe(`TAP version 13
not ok 1 - stdin (apps/v1/Deployment/shop/web): 7:3: spec.replica: there is no such field; 16:18: spec.template.spec.containers[0].image: must be a string, not an integer
not ok 2 - stdin (v1/ConfigMap//fine): 23:1: ConfigMap fine is defined twice, first at stdin:18
not ok 3 - stdin (v1/ConfigMap//fine): 23:1: ConfigMap fine is defined twice, first at stdin:18
ok 4 - stdin (example.com/v1/Widget//w<&">) # skip no schema
1..4
`);
});

test("sarif", async () => {
  const parsed = JSON.parse(await output("sarif")) as {
    version: string;
    runs: { tool: { driver: { rules: { id: string }[] } }; results: Record<string, unknown>[] }[];
  };
  expect(parsed.version).toBe("2.1.0");
  const [run] = parsed.runs;
  expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual([
    "manifest/duplicate",
    "schema/unknown-field",
    "schema/unknown-kind",
    "schema/wrong-type",
  ]);
  expect(run?.results[0]).toEqual({
    ruleId: "schema/unknown-field",
    ruleIndex: 1,
    level: "error",
    message: {
      text: 'spec.replica: there is no such field [Deployment web]. Did you mean "replicas"?',
    },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: "stdin" },
          region: { startLine: 7, startColumn: 3 },
        },
        logicalLocations: [{ fullyQualifiedName: "spec.replica", kind: "member" }],
      },
    ],
  });
  expect(run?.results[2]?.["relatedLocations"]).toHaveLength(1);
  expect(run?.results[3]?.["level"]).toBe("note");
});

test("github", async () => {
  const lines = (await output("github")).trimEnd().split("\n");
  expect(lines[0]).toBe(
    '::error file=stdin,line=7,col=3,title=schema/unknown-field::spec.replica: there is no such field. Did you mean "replicas"?',
  );
  expect(lines.map((line) => line.split(" ")[0])).toEqual([
    "::error",
    "::error",
    "::error",
    "::notice",
  ]);
});

test("a Secret's values show in no format, whatever is wrong with it", async () => {
  const secret = (body: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n${body}\n`;
  const bodies = [
    "stringData:\n  password: [hunter2]",
    "data:\n  password: hunter2 hunter2",
    "stringData:\n  password: hunter2\n   broken: hunter2",
    "stringData:\n  password: 'hunter2\n",
    "stringData: {password: hunter2, password: hunter2}",
    "stringData:\n  - hunter2",
    "stringData:\n  password: hunter2: x",
    "stringdata:\n  password: hunter2",
    "stringData:\n  hunter: .inf # hunter2",
    "type: hunter2\ntype: x",
    "data:\n  password: !!binary hunter2",
    "stringData:\n  password: @hunter2",
  ];
  for (const body of bodies)
    for (const format of Object.keys(formats) as OutputFormat[]) {
      const text = await output(format, secret(body));
      expect([body, format, text.includes("hunter2")]).toEqual([body, format, false]);
    }
});

test("control characters of a file never reach the terminal", async () => {
  const text = await output(
    "text",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\u001b[31mx: 1\n",
  );
  expect(text).not.toContain("\u001b");
});
