/** Helm charts through the stock program: values, hooks, provenance, and what is refused. */
import { describe, expect, test } from "vitest";
import type { HelmSource } from "../../../src/kube/kinds/application.ts";
import {
  CONFIG_MAP,
  DEPLOYMENT,
  environmentWith,
  type Files,
  objectNamed,
  placesOf,
  renderFiles,
  renderSources,
} from "./rendered-files.ts";

const CHART: Files = {
  "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
  "charts/web/values.yaml": "color: default\nlist: []\nreplicas: 1\n",
  "charts/web/values-prod.yaml": "color: prod\n",
  "charts/web/templates/_names.tpl": '{{ define "name" }}{{ .Release.Name }}-web{{ end }}',
  "charts/web/templates/config.yaml": `# settings
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "name" . }}
  namespace: {{ .Release.Namespace }}
data:
  color: {{ .Values.color | quote }}
  list: {{ .Values.list | toJson | quote }}
  replicas: {{ kindOf .Values.replicas }}
  upgrade: {{ .Release.IsUpgrade | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
  has: {{ .Capabilities.APIVersions.Has "apps/v1" | quote }}
  custom: {{ .Capabilities.APIVersions.Has "example.com/v1" | quote }}
  lookup: {{ lookup "v1" "Secret" "kube-system" "" | toJson | quote }}
{{- if .Values.second }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: second
{{- end }}
`,
  "charts/web/templates/job.yaml": `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-5"
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: m, image: busybox}]
`,
  "charts/web/templates/tests/check.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: check
  annotations: {helm.sh/hook: test}
spec:
  containers: [{name: c, image: busybox}]
`,
  "charts/web/crds/crd.yaml": `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: toys.example.com
spec:
  group: example.com
  names: {kind: Toy, plural: toys}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object}}
`,
};

const render = (helm: HelmSource, files = CHART) =>
  renderFiles(files, { path: "charts/web", helm });
const data = async (helm: HelmSource): Promise<unknown> =>
  objectNamed(await render(helm), `${helm.releaseName ?? "shop"}-web`)["data"];

test("objects, hooks and definitions come out, each with its template and line", async () => {
  const rendered = await render({ values: "second: true" });
  expect(rendered.errors).toEqual([]);
  expect(placesOf(rendered)).toEqual({
    "CustomResourceDefinition/toys.example.com": "charts/web/crds/crd.yaml:1",
    "ConfigMap/shop-web": "charts/web/templates/config.yaml:2",
    "ConfigMap/second": "charts/web/templates/config.yaml:18",
    "Job/migrate": "charts/web/templates/job.yaml:1",
    "Pod/check": "charts/web/templates/tests/check.yaml:1",
  });
  expect(objectNamed(rendered, "migrate").metadata["annotations"]).toMatchObject({
    "helm.sh/hook": "pre-install,pre-upgrade",
  });
});

test("release, destination and capabilities are those of the Application; lookup finds nothing", async () => {
  expect(await data({})).toEqual({
    color: "default",
    list: "[]",
    replicas: "float64",
    upgrade: "false",
    kube: "v1.35.0",
    has: "true",
    custom: "false",
    lookup: "{}",
  });
  const named = await render({
    releaseName: "blue",
    namespace: "other",
    kubeVersion: "1.30.1",
    apiVersions: ["example.com/v1"],
  });
  expect(objectNamed(named, "blue-web")).toMatchObject({
    metadata: { namespace: "other" },
    data: { kube: "v1.30.1", custom: "true" },
  });
});

test.each<[string, HelmSource, object]>([
  ["files", { valueFiles: ["values-prod.yaml"] }, { color: "prod" }],
  [
    "files from the root of the repository",
    { valueFiles: ["/charts/web/values-prod.yaml"] },
    { color: "prod" },
  ],
  [
    "text over files",
    { valueFiles: ["values-prod.yaml"], values: "color: text" },
    { color: "text" },
  ],
  [
    "an object instead of text",
    { values: "color: text", valuesObject: { color: "object" } },
    { color: "object" },
  ],
  [
    "parameters over all",
    { valuesObject: { color: "x" }, parameters: [{ name: "color", value: "set" }] },
    { color: "set" },
  ],
  ["a comma in a parameter", { parameters: [{ name: "color", value: "a,b" }] }, { color: "a,b" }],
  [
    "a list in a parameter",
    { parameters: [{ name: "list", value: "{a,b}" }] },
    { list: '["a","b"]' },
  ],
  ["a number", { parameters: [{ name: "replicas", value: "3" }] }, { replicas: "int64" }],
  [
    "forced text",
    { parameters: [{ name: "replicas", value: "3", forceString: true }] },
    { replicas: "string" },
  ],
  [
    "a file's content",
    { fileParameters: [{ name: "color", path: "values-prod.yaml" }] },
    { color: "color: prod\n" },
  ],
  [
    "missing files, if allowed",
    { valueFiles: ["no.yaml", "values-prod.yaml"], ignoreMissingValueFiles: true },
    { color: "prod" },
  ],
])("values: %s", async (_what, helm, expected) => {
  expect(await data(helm)).toMatchObject(expected);
});

test("definitions and tests can be left out", async () => {
  const { manifests } = await render({ skipCrds: true, skipTests: true });
  expect(manifests.map(({ object }) => object.kind).sort()).toEqual(["ConfigMap", "Job"]);
});

test("what follows the first synced revision is an upgrade", async () => {
  const upgrade = async (status: object) => {
    const rendered = await renderFiles(CHART, { path: "charts/web" }, { status });
    return (objectNamed(rendered, "shop-web")["data"] as { upgrade: string }).upgrade;
  };
  const specHash = "x";
  expect(await upgrade({})).toBe("false");
  expect(await upgrade({ lastSynced: { revision: "commit-0", specHash } })).toBe("false");
  expect(await upgrade({ lastSynced: { revision: "earlier", specHash } })).toBe("true");
});

test("value files of another source", async () => {
  const rendered = await renderSources([
    { files: CHART, source: { path: "charts/web", helm: { valueFiles: ["$env/prod/web.yaml"] } } },
    { files: { "prod/web.yaml": "color: elsewhere\n" }, source: { ref: "env" } },
  ]);
  expect(objectNamed(rendered, "shop-web")["data"]).toMatchObject({ color: "elsewhere" });
  expect(rendered.footprints[1]).toEqual([expect.objectContaining({ path: "prod/web.yaml" })]);
});

test("charts of the same repository are dependencies without a download", async () => {
  const files = {
    ...CHART,
    "app/Chart.yaml":
      "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies:\n  - name: web\n    version: 1.2.3\n    repository: file://../charts/web\n",
  };
  const rendered = await renderFiles(files, { path: "app" });
  expect(rendered.errors).toEqual([]);
  expect(placesOf(rendered)["ConfigMap/shop-web"]).toBe("charts/web/templates/config.yaml:2");
  const touched = { ...files, "charts/web/values.yaml": "color: new\n" };
  expect((await renderFiles(touched, { path: "app" })).id).not.toBe(rendered.id);
});

describe("problems have a place", () => {
  const broken = async (files: Files, helm: HelmSource = {}): Promise<string> =>
    (await render(helm, { ...CHART, ...files })).errors.join("\n");

  test.each<[string, Files, RegExp]>([
    [
      "a template that does not parse",
      { "charts/web/templates/a.yaml": "a: 1\nb: {{ if }}\n" },
      /^charts\/web\/templates\/a\.yaml:2:/,
    ],
    [
      "one that fails",
      { "charts/web/templates/a.yaml": "a: 1\n\nb: {{ .Values.x.y.z }}\n" },
      /^charts\/web\/templates\/a\.yaml:3:\d+: /,
    ],
    [
      "a value that is required",
      { "charts/web/templates/a.yaml": 'a: {{ required "set x, please" .Values.x }}\n' },
      /^charts\/web\/templates\/a\.yaml:1:\d+: .*set x, please/s,
    ],
    [
      "output that is no YAML",
      { "charts/web/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\n a: b\n" },
      /^charts\/web\/templates\/a\.yaml:\d+:\d+: /,
    ],
    [
      "an object without a name",
      { "charts/web/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n" },
      /^charts\/web\/templates\/a\.yaml:1:1: .*metadata\.name is missing/,
    ],
    [
      "a field that does not exist",
      {
        "charts/web/templates/a.yaml": `{{ if true }}\n${DEPLOYMENT.replace("replicas", "replica")}{{ end }}`,
      },
      /^charts\/web\/templates\/a\.yaml:2:1: .*replica/,
    ],
    [
      "values that are no YAML",
      { "charts/web/values-prod.yaml": "a: [\n" },
      /^charts\/web\/values-prod\.yaml:\d+:\d+: /,
    ],
    [
      "values that the schema refuses",
      { "charts/web/values.schema.json": '{"properties":{"replicas":{"type":"string"}}}' },
      /^charts\/web\/values\.schema\.json:1:1: .*replicas.*skipSchemaValidation/s,
    ],
    [
      "a dependency that is not there",
      {
        "charts/web/Chart.yaml":
          "apiVersion: v2\nname: web\nversion: 1.2.3\ndependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://charts.example.com\n",
      },
      /^charts\/web\/Chart\.yaml:7:15: the chart redis of https:\/\/charts\.example\.com is not in charts\//,
    ],
    [
      "a library",
      { "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\ntype: library\n" },
      /library chart has nothing to install/,
    ],
    ["no name", { "charts/web/Chart.yaml": "apiVersion: v2\nversion: 1.2.3\n" }, /name is missing/],
  ])("%s", async (_what, files, message) => {
    const helm = "charts/web/values-prod.yaml" in files ? { valueFiles: ["values-prod.yaml"] } : {};
    expect(await broken(files, helm)).toMatch(message);
  });

  test("a schema can be switched off", async () => {
    const schema = {
      "charts/web/values.schema.json": '{"properties":{"replicas":{"type":"string"}}}',
    };
    expect(await broken(schema, { skipSchemaValidation: true })).toBe("");
  });
});

describe("paths that leave the repository are refused before Helm runs", () => {
  const files: Files = { ...CHART, "charts/web/evil.yaml": { link: "/etc/passwd" } };
  test.each<[string, HelmSource, RegExp]>([
    ["absolute", { valueFiles: ["/etc/passwd"] }, /there is no file etc\/passwd/],
    ["upwards", { valueFiles: ["../../../etc/passwd"] }, /valueFiles\[0\] leaves the repository/],
    ["upwards from the root", { valueFiles: ["/../etc/passwd"] }, /leaves the repository/],
    ["file://", { valueFiles: ["file:///etc/passwd"] }, /valueFiles\[0\] is outside/],
    [
      "https://",
      { valueFiles: ["https://u:hunter2@evil.example/v.yaml"] },
      /valueFiles\[0\] is outside/,
    ],
    ["oci://", { valueFiles: ["oci://evil.example/v"] }, /valueFiles\[0\] is outside/],
    ["a symlink", { valueFiles: ["evil.yaml"] }, /symlink charts\/web\/evil\.yaml out of/],
    [
      "an unknown source",
      { valueFiles: ["$env/x.yaml"] },
      /refers to \$env, but no source has ref: env/,
    ],
    [
      "out of another source",
      { valueFiles: ["$env/../../etc/passwd"] },
      /no source has ref|leaves/,
    ],
    [
      "a parameter's file",
      { fileParameters: [{ name: "a", path: "../../../etc/passwd" }] },
      /fileParameters\[0\]\.path leaves/,
    ],
  ])("%s", async (_what, helm, message) => {
    const environment = environmentWith();
    environment.programs.run = () => {
      throw new Error("Helm must not run");
    };
    const { errors } = await renderFiles(files, { path: "charts/web", helm }, { environment });
    expect(errors.join("\n")).toMatch(message);
    expect(errors.join()).not.toContain("hunter2");
  });

  test("a symlink in the chart that points out", async () => {
    const { errors } = await render(
      {},
      { ...CHART, "charts/web/templates/x.yaml": { link: "../../../../etc/passwd" } },
    );
    expect(errors.join()).toMatch(
      /charts\/web\/templates\/x\.yaml:1:1: the symlink points out of the repository/,
    );
  });

  test("links inside the repository are what they lead to, and circles end", async () => {
    const linked = await render(
      {},
      {
        ...CHART,
        "charts/web/templates/y.yaml": { link: "../../../shared.yaml" },
        "shared.yaml": CONFIG_MAP("linked"),
      },
    );
    expect(objectNamed(linked, "linked")).toBeDefined();
    const circle = await render({}, { ...CHART, "charts/web/files/up": { link: "../../web" } });
    expect(circle.errors.join()).toMatch(/goes in circles/);
  });
});

test.each<[string, HelmSource]>([
  ["a release", { releaseName: "--post-renderer=/bin/sh" }],
  ["a release of one dash", { releaseName: "-f" }],
  ["a long release", { releaseName: "x".repeat(54) }],
  ["a namespace", { namespace: "--post-renderer=/bin/sh" }],
])("%s that is no name is refused", async (_what, helm) => {
  expect((await render(helm)).errors.join()).toMatch(/cannot be the name|is no namespace/);
});

test("text that looks like options stays text", async () => {
  const rendered = await render({
    parameters: [
      { name: "--post-renderer", value: "/bin/sh" },
      { name: "color", value: "--debug" },
    ],
    kubeVersion: "1.30.0",
  });
  expect(rendered.errors).toEqual([]);
  expect(objectNamed(rendered, "shop-web")["data"]).toMatchObject({ color: "--debug" });
  const odd = await render({ apiVersions: ["--post-renderer=/bin/sh"] });
  expect(objectNamed(odd, "shop-web")).toBeDefined();
});
