/** What Kustomize and Helm say about Secrets that they cannot read, which they quote. */
import { expect, test } from "vitest";
import { secretTexts } from "../../../src/gitops/render/secret-texts.ts";
import { type Files, renderFiles, type SourceFields } from "./rendered-files.ts";

const VALUE = "c0ffee-1234567890-abcdef";
const ENCODED = Buffer.from(VALUE).toString("base64");
/** Unique to the value, also where it is cut. */
const SHOWN = [VALUE, ENCODED, VALUE.slice(0, 7), ENCODED.slice(0, 7)];

const secret = (rest: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n${rest}\n`;
const RESTS: readonly string[] = [
  `data: ["${VALUE}"]`,
  `data: ${VALUE}`,
  `data:\n  key: "${VALUE}!"`,
  `data:\n  key:\n    inner: ${VALUE}`,
  `stringData:\n  key: ["${VALUE}"]`,
  `stringData:\n  key: 12345\n  other: ${VALUE}`,
  `stringData:\n  password: *${VALUE}`,
  `stringData:\n  key: !!int ${VALUE}`,
  `stringData:\n  key: !${VALUE} x`,
  `stringData:\n  key: "${VALUE}\n  other: x`,
  `stringData: {key: ${VALUE}`,
  `stringData:\n\tkey: ${VALUE}`,
  `stringData:\n  key: "x" ${VALUE}`,
  `stringData:\n  key: x\n]${VALUE}`,
  `stringData:\n  key: |${VALUE}\n    x`,
  `stringData:\n  key: a\n ${VALUE} b: c`,
];
const BASE = secret("data: {a: aGk=}");
const generator = (text: string): Files => ({
  "kustomization.yaml": text,
  "base.yaml": BASE,
  "x.env": `A=1\n=${VALUE}\nb ${VALUE}`,
});

/** How a file with a Secret gets into each program. */
const WAYS: readonly (readonly [string, (text: string) => readonly [Files, SourceFields]])[] = [
  ["a resource", (text) => [{ "kustomization.yaml": "resources: [s.yaml]", "s.yaml": text }, {}]],
  [
    "a patch",
    (text) => [
      {
        "kustomization.yaml": "resources: [base.yaml]\npatches: [{path: s.yaml}]",
        "base.yaml": BASE,
        "s.yaml": text,
      },
      {},
    ],
  ],
  [
    "a patch with a target",
    (text) => [
      {
        "kustomization.yaml":
          "resources: [base.yaml]\npatches: [{path: s.yaml, target: {kind: Secret}}]",
        "base.yaml": BASE,
        "s.yaml": text,
      },
      {},
    ],
  ],
  [
    "a template",
    (text) => [
      { "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0", "templates/s.yaml": text },
      {},
    ],
  ],
];

test.each(WAYS)(
  "%s",
  async (_way, files) => {
    let failed = 0;
    for (const rest of RESTS) {
      const { findings } = await renderFiles(...files(secret(rest)));
      failed += findings.length > 0 ? 1 : 0;
      const text = JSON.stringify(findings);
      for (const shown of SHOWN) expect(text.includes(shown) ? [rest, text] : []).toEqual([]);
    }
    // That nothing is shown means something only where much was said.
    expect(failed).toBeGreaterThan(RESTS.length / 2);
  },
  60_000,
);

test.each([
  [`secretGenerator: [{name: s, literals: ["${VALUE}"]}]`],
  [`secretGenerator: [{name: s, literals: ["a=${VALUE}", "a=${VALUE}"]}]`],
  [`secretGenerator: [{name: s, literals: {a: ${VALUE}}}]`],
  ["secretGenerator: [{name: s, envs: [x.env]}]"],
  [`resources: [base.yaml]\npatches:\n- patch: |-\n    kind: Secret\n    stringData: ${VALUE}`],
  [
    `resources: [base.yaml]\npatches:\n- target: {kind: Secret}\n  patch: |-\n    - op: test\n      path: /data/a\n      value: ${VALUE}`,
  ],
])("a kustomization: %s", async (text) => {
  const { findings } = await renderFiles(generator(text), {});
  for (const shown of SHOWN) expect(JSON.stringify(findings)).not.toContain(shown);
});

test.each([`password: *${VALUE}`, `apiToken: !!int ${VALUE}`, `db:\n  secret: *${VALUE}`])(
  "values of a chart: %s",
  async (values) => {
    const chart = {
      "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0",
      "templates/s.yaml": secret("stringData: {key: '{{ .Values.password }}'}"),
      "values.yaml": values,
    };
    const { findings } = await renderFiles(chart, {});
    expect(findings).not.toEqual([]);
    for (const shown of SHOWN) expect(JSON.stringify(findings)).not.toContain(shown);
  },
);

test("what names things stays readable", async () => {
  const { findings } = await renderFiles(
    {
      "kustomization.yaml": "resources: [base.yaml]\npatches: [{path: s.yaml}]",
      "base.yaml": BASE,
      "s.yaml": secret(`data: ${VALUE}`).replace("name: s", "name: other"),
    },
    {},
  );
  expect(findings[0]?.message).toMatch(/other.*Secret|Secret.*other/);
});

test("a template is no secret, and more than can be looked for is none to quote from", () => {
  const file = (text: string) => [{ path: "s.yaml", content: Buffer.from(text) }];
  expect(secretTexts({ files: file("kind: Secret\na: {{ .Values.password }}") })).toEqual([]);
  expect(secretTexts({ files: file("kind: ConfigMap\ndata:\n  hello: world") })).toEqual([]);
  const many = Array.from({ length: 60_000 }, (_, at) => `  k${at}: value-${at}`).join("\n");
  expect(secretTexts({ files: file(`kind: Secret\nstringData:\n${many}`) })).toBeUndefined();
});
