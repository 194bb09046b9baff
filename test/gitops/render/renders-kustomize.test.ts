/** Kustomize folders through the stock program: what comes out, where it is written, what is refused. */
import { describe, expect, test } from "vitest";
import {
  CONFIG_MAP,
  DEPLOYMENT,
  environmentWith,
  type Files,
  objectNamed,
  placesOf,
  renderFiles,
  type SourceFields,
} from "./rendered-files.ts";

const SHOP: Files = {
  "base/kustomization.yaml":
    "resources:\n  - web.yaml\nconfigMapGenerator:\n  - name: settings\n    files: [app.conf]\n",
  "base/web.yaml": `# the web server\n${DEPLOYMENT}---\n${CONFIG_MAP("words")}`,
  "base/app.conf": "a=1\n",
  "overlays/prod/kustomization.yaml":
    "resources: [../../base, extra.yaml]\nnamePrefix: prod-\npatches:\n  - path: more.yaml\n",
  "overlays/prod/extra.yaml": CONFIG_MAP("extra"),
  "overlays/prod/more.yaml":
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n",
};

test("every object is traced to the file and line that it is written in", async () => {
  const rendered = await renderFiles(SHOP, { path: "overlays/prod" });
  expect(rendered.errors).toEqual([]);
  const places = placesOf(rendered);
  const generated = Object.keys(places).find((name) => name.startsWith("ConfigMap/prod-settings-"));
  expect(places).toEqual({
    "ConfigMap/prod-extra": "overlays/prod/extra.yaml:1",
    "ConfigMap/prod-words": "base/web.yaml:18",
    "Deployment/prod-web": "base/web.yaml:2",
    [generated ?? "none"]: "base/kustomization.yaml:4",
  });
  expect(objectNamed(rendered, "prod-web")["spec"]).toMatchObject({ replicas: 5 });
  // Asking where objects come from leaves nothing behind in them.
  expect(JSON.stringify(rendered.manifests)).not.toContain("config.kubernetes.io/origin");
});

test("a finding is placed on the field in the base", async () => {
  const files = { ...SHOP, "base/web.yaml": DEPLOYMENT.replace("replicas: 1", "replica: 1") };
  const { errors } = await renderFiles(files, { path: "base" });
  expect(errors).toEqual([
    expect.stringMatching(/^base\/web\.yaml:6:3: .*replica.*Did you mean.*replicas/),
  ]);
});

test("origin annotations stay for who asks for them, as without Gantry", async () => {
  const files = {
    "app/kustomization.yaml": "resources: [../base/x.yaml]\nbuildMetadata: [originAnnotations]\n",
    "base/x.yaml": CONFIG_MAP("x"),
  };
  const rendered = await renderFiles(files, { path: "app" });
  expect(objectNamed(rendered, "x").metadata["annotations"]).toEqual({
    "config.kubernetes.io/origin": "path: ../base/x.yaml\n",
  });
});

test("the fields of spec.source.kustomize are an overlay on the folder", async () => {
  const files = {
    ...SHOP,
    "components/c/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {by: component}\n",
    "base/scale.yaml":
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 7}\n",
  };
  const rendered = await renderFiles(files, {
    path: "base",
    kustomize: {
      namePrefix: "a-",
      nameSuffix: "-z",
      namespace: "elsewhere",
      commonLabels: { team: "red" },
      labelWithoutSelector: true,
      commonAnnotations: { note: "yes" },
      images: ["nginx=registry:5000/nginx:2"],
      replicas: [{ name: "web", count: 9 }],
      components: ["../components/c"],
      patches: [
        { path: "scale.yaml" },
        {
          target: { kind: "ConfigMap", name: "words" },
          patch: "- op: replace\n  path: /data/key\n  value: patched\n",
        },
      ],
    },
  });
  expect(rendered.errors).toEqual([]);
  const web = objectNamed(rendered, "a-web-z");
  expect(web.metadata).toMatchObject({
    namespace: "elsewhere",
    labels: { team: "red" },
    annotations: { note: "yes", by: "component" },
  });
  expect(web["spec"]).toMatchObject({
    replicas: 9,
    minReadySeconds: 7,
    selector: { matchLabels: { app: "web" } },
    template: { spec: { containers: [{ image: "registry:5000/nginx:2" }] } },
  });
  expect(web["spec"]).not.toHaveProperty("selector.matchLabels.team");
  expect(objectNamed(rendered, "a-words-z")["data"]).toEqual({ key: "patched" });
});

test("what is unchanged is not rendered again; what is not reached does not count", async () => {
  const environment = environmentWith();
  let runs = 0;
  const { programs } = environment;
  const run = programs.run.bind(programs);
  programs.run = (program, request) => {
    runs++;
    return run(program, request);
  };
  const first = await renderFiles(SHOP, { path: "overlays/prod" }, { environment });
  const unrelated = { ...SHOP, "overlays/prod/README.md": "new", "base/other.yaml": "new" };
  const second = await renderFiles(unrelated, { path: "overlays/prod" }, { environment });
  expect([runs, second.id]).toEqual([1, first.id]);
  const touched = { ...SHOP, "base/app.conf": "a=2\n" };
  const third = await renderFiles(touched, { path: "overlays/prod" }, { environment });
  expect(runs).toBe(2);
  expect(third.id).not.toBe(first.id);
});

test("several Applications that want the same at once cost one run", async () => {
  const environment = environmentWith();
  let runs = 0;
  const run = environment.programs.run.bind(environment.programs);
  environment.programs.run = (program, request) => {
    runs++;
    return run(program, request);
  };
  const all = [1, 2, 3].map(() => renderFiles(SHOP, { path: "base" }, { environment }));
  const ids = (await Promise.all(all)).map(({ id }) => id);
  expect([runs, new Set(ids).size]).toEqual([1, 1]);
});

describe("refused before Kustomize runs, with file and line", () => {
  const kustomization = (text: string): Files => ({
    "app/kustomization.yaml": text,
    "app/x.yaml": CONFIG_MAP("x"),
    outside: "secret",
    "app/evil": { link: "../../../etc/passwd" },
    "app/loop": { link: "loop" },
  });
  const cases: [string, string, RegExp][] = [
    [
      "a URL",
      "resources:\n  - x.yaml\n  - https://evil.example/x.yaml",
      /:3:5: resources\[1\] is outside.*no network/,
    ],
    ["a Git base", "resources: [github.com/o/r//base?ref=v1]", /:1:13: resources\[0\] is outside/],
    ["an SSH base", "resources: ['git@example.com:o/r.git']", /is outside/],
    ["git::", "bases: ['git::https://u:hunter2@example.com/r']", /is outside.*\*\*\*@example/],
    ["file://", "resources: ['file:///etc/passwd']", /is outside|leaves/],
    ["an absolute path", "resources: [/etc/passwd]", /leaves the repository/],
    ["too many ..", "resources: [../../../etc/passwd]", /leaves the repository/],
    ["a symlink out", "resources: [evil]", /symlink app\/evil out of the repository/],
    ["a symlink in circles", "resources: [loop]", /not in the repository/],
    ["patches", "resources: [x.yaml]\npatches: [{path: /etc/passwd}]", /patches\[0\]\.path leaves/],
    [
      "patchesStrategicMerge",
      "resources: [x.yaml]\npatchesStrategicMerge: [../../../etc/passwd]",
      /leaves/,
    ],
    [
      "patchesJson6902",
      "resources: [x.yaml]\npatchesJson6902: [{path: /etc/passwd, target: {kind: X, name: x, version: v1}}]",
      /leaves/,
    ],
    ["replacements", "resources: [x.yaml]\nreplacements: [{path: ../../../etc/passwd}]", /leaves/],
    [
      "files of a generator",
      "secretGenerator: [{name: s, files: ['k=/etc/passwd']}]",
      /secretGenerator\[0\]\.files\[0\] leaves/,
    ],
    [
      "envs of a generator",
      "configMapGenerator: [{name: s, envs: [../../../etc/passwd]}]",
      /envs\[0\] leaves/,
    ],
    ["components", "components: [/etc]", /components\[0\] leaves/],
    [
      "components elsewhere",
      "components: ['https://evil.example/c']",
      /components\[0\] is outside/,
    ],
    ["crds", "crds: [/etc/passwd]", /crds\[0\] leaves/],
    ["configurations", "configurations: [/etc/passwd]", /configurations\[0\] leaves/],
    ["openapi", "openapi: {path: /etc/passwd}", /openapi\.path leaves/],
    ["a generator elsewhere", "generators: [/etc/passwd]", /generators\[0\] leaves/],
    [
      "helmCharts",
      "helmCharts: [{name: x, repo: 'https://evil.example'}]",
      /helmCharts would make Kustomize download/,
    ],
    [
      "a missing file",
      "resources:\n- x.yaml\n- y.yaml",
      /:3:3: resources\[1\] names "y.yaml", which is not in/,
    ],
    ["a folder without", "resources: [../app2]", /not in the repository/],
    ["broken YAML", "resources: [x.yaml\nb: c", /^app\/kustomization\.yaml:/],
  ];
  test.each(cases)("%s", async (_what, text, message) => {
    const environment = environmentWith();
    environment.programs.run = () => {
      throw new Error("Kustomize must not run");
    };
    const { errors, complete, manifests } = await renderFiles(
      kustomization(`${text}\n`),
      { path: "app" },
      { environment },
    );
    expect(errors.join("\n")).toMatch(message);
    expect(errors[0]).toMatch(/^app\/kustomization\.yaml:\d+:\d+: /);
    expect([complete, manifests]).toEqual([false, []]);
    expect(errors.join()).not.toContain("hunter2");
  });

  test.each([
    [
      "exec",
      "metadata: {name: f, annotations: {config.kubernetes.io/function: 'exec: {path: ./run.sh}'}}",
    ],
    [
      "a container",
      "metadata: {name: f, annotations: {config.kubernetes.io/function: 'container: {image: evil}'}}",
    ],
    ["a plug-in", "metadata: {name: f}"],
  ])("a transformer that runs %s", async (_what, rest) => {
    const { errors } = await renderFiles(
      {
        "kustomization.yaml": "resources: [x.yaml]\ntransformers: [t.yaml]\n",
        "x.yaml": CONFIG_MAP("x"),
        "t.yaml": `apiVersion: evil.example/v1\nkind: Runner\n${rest}\n`,
      },
      {},
    );
    expect(errors[0]).toMatch(/^t\.yaml:\d+:\d+: Runner would make Kustomize run/);
  });

  test.each<[string, SourceFields, RegExp]>([
    ["a component", { kustomize: { components: ["../../../etc"] } }, /components\[0\] leaves/],
    ["a patch", { kustomize: { patches: [{ path: "/etc/passwd" }] } }, /patches\[0\]\.path leaves/],
    ["a remote patch", { kustomize: { patches: [{ path: "https://e.example/p" }] } }, /is outside/],
  ])("%s that the Application names", async (_what, source, message) => {
    const files = {
      "app/kustomization.yaml": "resources: [x.yaml]",
      "app/x.yaml": CONFIG_MAP("x"),
    };
    const { errors } = await renderFiles(files, { path: "app", ...source });
    expect(errors.join()).toMatch(message);
  });
});

test("symlinks inside the repository are followed as Kustomize follows them", async () => {
  const rendered = await renderFiles(
    {
      "base/kustomization.yaml": "resources: [x.yaml, ../shared/y.yaml]",
      "base/x.yaml": CONFIG_MAP("x"),
      "shared/y.yaml": CONFIG_MAP("y"),
      current: { link: "base" },
      "app/kustomization.yaml": "resources: [../current, z.yaml]",
      "app/z.yaml": { link: "../shared/z.yaml" },
      "shared/z.yaml": CONFIG_MAP("z"),
    },
    { path: "app" },
  );
  expect(rendered.errors).toEqual([]);
  expect(rendered.manifests.map(({ object }) => object.metadata.name).sort()).toEqual([
    "x",
    "y",
    "z",
  ]);
});

test("what Kustomize itself refuses is told in its words, at the file that it names", async () => {
  const { errors } = await renderFiles(
    {
      "app/kustomization.yaml": "resources: [x.yaml]\npatches: [{path: p.yaml}]\n",
      "app/x.yaml": CONFIG_MAP("x"),
      "app/p.yaml": CONFIG_MAP("not-there"),
    },
    { path: "app" },
  );
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatch(/^app\/.*no (?:resource )?matches|^app\/.*no matches/);
  expect(errors[0]).not.toContain("/repository");
});
