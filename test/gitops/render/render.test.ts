import { describe, expect, test } from "vitest";
import type { Finding } from "../../../src/gitops/check/finding.ts";
import { render, type Rendered, type RenderOptions } from "../../../src/gitops/render/render.ts";
import { RenderCache } from "../../../src/gitops/render/render-cache.ts";
import { memoryTree, type Planted } from "./memory-tree.ts";

function configMap(name: string, extra = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${extra}`;
}

function renderFiles(
  files: Readonly<Record<string, Planted>>,
  options: Partial<RenderOptions> = {},
): Promise<Rendered> {
  return render(memoryTree(files), { path: "", ...options });
}

function names(rendered: Rendered): string[] {
  return rendered.objects.map(({ object }) => object.metadata.name);
}

/** The one finding there must be. */
function only(rendered: Rendered): Finding {
  expect(rendered.findings).toHaveLength(1);
  const [finding] = rendered.findings;
  if (finding === undefined) throw new Error("no finding");
  expect(finding.message).not.toBe("");
  return finding;
}

describe("objects", () => {
  test("come in order of file and document, and know where they stand", async () => {
    const rendered = await renderFiles({
      "b.yaml": `# head\n---\n${configMap("b1")}---\n---\n# second\n${configMap("b2")}`,
      "a/x.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a1"}}',
      "a/notes.txt": "nothing",
    });
    expect(rendered.findings).toEqual([]);
    expect(rendered.complete).toBe(true);
    expect(rendered.objects.map(({ object, origin }) => [object.metadata.name, origin])).toEqual([
      ["a1", { file: "a/x.json", document: 0, line: 1, column: 1 }],
      ["b1", { file: "b.yaml", document: 0, line: 3, column: 1 }],
      ["b2", { file: "b.yaml", document: 2, line: 10, column: 1 }],
    ]);
  });

  test("are frozen", async () => {
    const { objects } = await renderFiles({ "a.yaml": configMap("a", "data: {k: v}\n") });
    expect(Object.isFrozen(objects[0]?.object)).toBe(true);
    expect(Object.isFrozen(objects[0]?.object.metadata)).toBe(true);
  });

  test("of lists are taken out, with positions inside the list", async () => {
    const rendered = await renderFiles({
      "list.yaml": `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: one
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: two
  data:
    key: value
---
apiVersion: v1
kind: ConfigMapList
items:
- metadata: {name: three}
`,
    });
    expect(names(rendered)).toEqual(["one", "two", "three"]);
    const two = rendered.objects[1];
    expect(two?.origin).toMatchObject({ line: 8, column: 3, itemPath: "items[1]" });
    expect(two?.positionOf("data.key")).toEqual({ line: 13, column: 10 });
    expect(rendered.objects[2]?.object).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  });

  test("tell where each field stands", async () => {
    const { objects } = await renderFiles({
      "a.yaml": `${configMap("other")}---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    example.com/a.b: x
    plain: z
spec:
  template:
    spec:
      containers:
      - name: web
        image: app:v1
      - {name: side, image: side:v1}
`,
    });
    const web = objects[1];
    expect(web?.positionOf("")).toEqual({ line: 6, column: 1 });
    expect(web?.positionOf("kind")).toEqual({ line: 7, column: 7 });
    expect(web?.positionOf("kind", "key")).toEqual({ line: 7, column: 1 });
    expect(web?.positionOf("metadata.annotations[example.com/a.b]")).toEqual({
      line: 11,
      column: 22,
    });
    expect(web?.positionOf("metadata.annotations.example.com/a.b", "key")).toEqual({
      line: 11,
      column: 5,
    });
    expect(web?.positionOf("spec.template.spec.containers[0].image")).toEqual({
      line: 18,
      column: 16,
    });
    expect(web?.positionOf("spec.template.spec.containers[1].image")).toEqual({
      line: 19,
      column: 29,
    });
    // A field that is not there: the nearest one above.
    expect(web?.positionOf("spec.template.spec.containers[0].ports[0].name")).toEqual({
      line: 17,
      column: 9,
    });
    expect(web?.positionOf("spec.selector")).toEqual({ line: 13, column: 1 });
    expect(web?.positionOf("nowhere")).toEqual({ line: 6, column: 1 });
  });
});

describe("which files", () => {
  const files = {
    "top.yaml": configMap("top"),
    "apps/web.yml": configMap("web"),
    "apps/deep/api.yaml": configMap("api"),
    ".github/workflow.yaml": "on: push\n",
    ".hidden.yaml": configMap("hidden"),
    "apps/readme.md": "x",
  };

  test("all folders by default, tools' own left out", async () => {
    const rendered = await renderFiles(files);
    expect(names(rendered)).toEqual(["hidden", "api", "web", "top"]);
    expect(rendered.findings).toEqual([]);
  });

  test("one folder without recursion", async () => {
    expect(names(await renderFiles(files, { path: "apps", recurse: false }))).toEqual(["web"]);
  });

  test("include and exclude are globs of the path below", async () => {
    expect(names(await renderFiles(files, { include: "*.yml" }))).toEqual(["web"]);
    expect(names(await renderFiles(files, { exclude: "apps/*" }))).toEqual(["hidden", "top"]);
    expect(names(await renderFiles(files, { include: "{top,apps/web}.y*" }))).toEqual([
      "web",
      "top",
    ]);
    expect(names(await renderFiles(files, { path: "apps", include: "deep/*" }))).toEqual(["api"]);
    const malformed = await renderFiles(files, { include: "{a" });
    expect(only(malformed)).toMatchObject({ severity: "error", rule: "render/malformed-glob" });
    expect(malformed.complete).toBe(false);
  });

  test("a path that is not there is an error, a link to one is followed", async () => {
    await expect(renderFiles(files, { path: "none" })).rejects.toMatchObject({
      code: "path-not-found",
    });
    const linked = { ...files, current: { link: "apps/deep" } };
    expect(names(await renderFiles(linked, { path: "current" }))).toEqual(["api"]);
  });

  test("folders of Kustomize and Helm are left out, and said to be", async () => {
    const rendered = await renderFiles({
      "a.yaml": configMap("a"),
      "overlay/kustomization.yaml": "resources: [x.yaml]\n",
      "overlay/x.yaml": configMap("x"),
      "chart/Chart.yaml": "name: c\n",
      "chart/templates/y.yaml": "{{ broken",
    });
    expect(names(rendered)).toEqual(["a"]);
    expect(rendered.complete).toBe(false);
    expect(rendered.findings.map(({ rule, severity, file }) => [rule, severity, file])).toEqual([
      ["render/helm", "warning", "chart/Chart.yaml"],
      ["render/kustomize", "warning", "overlay/kustomization.yaml"],
    ]);
    const root = await renderFiles({ Kustomization: "", "a.yaml": configMap("a") });
    expect(only(root)).toMatchObject({ severity: "error", rule: "render/kustomize" });
    expect(root.objects).toEqual([]);
  });

  test("they can be excluded, and then nothing is missing", async () => {
    const rendered = await renderFiles(
      { "a.yaml": configMap("a"), "overlay/kustomization.yaml": "x", "overlay/x.yaml": "y" },
      { exclude: "overlay/*" },
    );
    expect(names(rendered)).toEqual(["a"]);
    expect(rendered).toMatchObject({ complete: true, findings: [] });
  });
});

describe("symlinks and submodules", () => {
  test("links inside the tree are read, once", async () => {
    const rendered = await renderFiles(
      {
        "apps/a.yaml": { link: "../base/a.yaml" },
        "apps/b.yaml": configMap("b"),
        "apps/same.yaml": { link: "b.yaml" },
        "apps/chain.yaml": { link: "../base/link.yaml" },
        "base/a.yaml": configMap("a"),
        "base/c.yaml": configMap("c"),
        "base/link.yaml": { link: "./c.yaml" },
      },
      { path: "apps" },
    );
    expect(rendered.findings).toEqual([]);
    expect(
      rendered.objects.map(({ object, origin }) => [object.metadata.name, origin.file]),
    ).toEqual([
      ["a", "apps/a.yaml"],
      ["b", "apps/b.yaml"],
      ["c", "apps/chain.yaml"],
    ]);
  });

  test.each(["../../etc/passwd.yaml", "/etc/passwd", "..", "a/../../x.yaml"])(
    "a link out of the tree (%s) is an error, and read nowhere",
    async (link) => {
      const rendered = await renderFiles({ "ok.yaml": configMap("ok"), "bad.yaml": { link } });
      expect(only(rendered)).toMatchObject({
        severity: "error",
        rule: "file/symlink-escapes",
        file: "bad.yaml",
      });
      expect(names(rendered)).toEqual(["ok"]);
      expect(rendered.complete).toBe(false);
    },
  );

  test("links in circles, to nothing and to folders are said to be so", async () => {
    const rendered = await renderFiles({
      "a.yaml": { link: "b.yaml" },
      "b.yaml": { link: "a.yaml" },
      "c.yaml": { link: "none.yaml" },
      dir: { link: "apps" },
      "apps/x.yaml": configMap("x"),
      "apps/up": { link: ".." },
    });
    expect(names(rendered)).toEqual(["x"]);
    expect(rendered.findings.map(({ rule, file }) => [file, rule])).toEqual([
      ["a.yaml", "file/symlink-broken"],
      ["apps/up", "file/symlink-directory"],
      ["b.yaml", "file/symlink-broken"],
      ["c.yaml", "file/symlink-broken"],
      ["dir", "file/symlink-directory"],
    ]);
  });

  test("a submodule is a finding, and nothing is pruned for it", async () => {
    const rendered = await renderFiles({
      "a.yaml": configMap("a"),
      "vendor/lib": { submodule: "0123456789012345678901234567890123456789" },
    });
    expect(only(rendered)).toMatchObject({ rule: "file/submodule", file: "vendor/lib" });
    expect(rendered.complete).toBe(false);
  });

  test("a link that leaves the folder makes the whole tree count", async () => {
    const files = { "apps/a.yaml": { link: "../base/a.yaml" }, "base/a.yaml": configMap("a") };
    const before = await renderFiles(files, { path: "apps" });
    const after = await renderFiles({ ...files, "base/a.yaml": configMap("b") }, { path: "apps" });
    expect(after.id).not.toBe(before.id);
  });
});

describe("bad input is one clear finding, and the rest is still rendered", () => {
  const BIG = 10 * 1024 * 1024;
  const bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    .concat(
      Array.from({ length: 9 }, (_, n) => {
        const alias = `*a${n}`;
        return `a${n + 1}: &a${n + 1} [${Array(10).fill(alias).join(",")}]`;
      }),
    )
    .join("\n");

  test.each<[string, string | Uint8Array, string, number, number]>([
    ["malformed YAML", configMap("x", "data: [\n"), "yaml/syntax", 6, 1],
    ["a duplicate key", configMap("x", "data:\n  a: 1\n  a: 2\n"), "yaml/duplicate-key", 7, 3],
    ["a tab", configMap("x", "data:\n\ta: b\n"), "yaml/tab", 6, 1],
    ["an alias bomb", `${configMap("x")}${bomb}\n`, "yaml/alias-bomb", 9, 0],
    ["a 10 MB file", Buffer.alloc(BIG, "#"), "file/too-large", 1, 1],
    ["a binary file", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]), "file/binary", 1, 1],
    ["invalid UTF-8", Buffer.from([0x61, 0x3a, 0x20, 0xff]), "file/invalid-utf8", 1, 1],
    ["deep nesting", `a: ${"[".repeat(5000)}${"]".repeat(5000)}`, "yaml/too-deep", 1, 0],
    [
      "a number that JSON lacks",
      configMap("x", "data: {a: .inf}\n"),
      "yaml/unsupported-value",
      5,
      11,
    ],
    [
      "a Git LFS pointer",
      "version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
      "file/lfs-pointer",
      1,
      1,
    ],
    ["no kind", "apiVersion: v1\nmetadata: {name: x}\n", "manifest/missing-kind", 1, 1],
    [
      "a mistyped kind",
      "apiVersion: v1\nkidn: Pod\nmetadata: {name: x}\n",
      "manifest/missing-kind",
      2,
      1,
    ],
    ["no apiVersion", "kind: Pod\nmetadata: {name: x}\n", "manifest/missing-api-version", 1, 1],
    [
      "no name",
      "apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}\n",
      "manifest/missing-name",
      3,
      1,
    ],
    ["no metadata", "apiVersion: v1\nkind: Pod\nspec: {}\n", "manifest/missing-name", 1, 1],
    [
      "a number as name",
      "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 12\n",
      "manifest/missing-name",
      4,
      3,
    ],
    [
      "a list item that is no map",
      "apiVersion: v1\nkind: List\nitems:\n- text\n",
      "manifest/not-an-object",
      4,
      3,
    ],
  ])("%s", async (_, content, rule, line, column) => {
    const rendered = await renderFiles({ "bad.yaml": content, "good.yaml": configMap("good") });
    const finding = only(rendered);
    expect(finding).toMatchObject({ severity: "error", rule, file: "bad.yaml", line });
    if (column > 0) expect(finding.column).toBe(column);
    expect(finding.suggestion).toMatch(/^[A-Z]/);
    expect(names(rendered)).toEqual(["good"]);
    expect(rendered.complete).toBe(false);
  });

  test("a broken document leaves its neighbours", async () => {
    const rendered = await renderFiles({
      "a.yaml": `${configMap("one")}---\n${configMap("two", "data: [\n")}---\n${configMap("three")}`,
    });
    expect(names(rendered)).toEqual(["one", "three"]);
    expect(only(rendered)).toMatchObject({ rule: "yaml/syntax", line: 11 });
  });

  test("two documents for one object: both places are named, the first is kept", async () => {
    const rendered = await renderFiles({
      "a.yaml": configMap("x", "data: {from: a}\n"),
      "b.yaml": `${configMap("other")}---\n${configMap("x", "data: {from: b}\n")}`,
    });
    expect(only(rendered)).toMatchObject({
      severity: "error",
      rule: "manifest/duplicate",
      file: "b.yaml",
      line: 6,
      object: { kind: "ConfigMap", name: "x" },
      related: [{ file: "a.yaml", line: 1, column: 1 }],
    });
    expect(names(rendered)).toEqual(["x", "other"]);
    expect(rendered.objects[0]?.object).toMatchObject({ data: { from: "a" } });
  });

  test("other namespaces, kinds and groups are other objects; other versions are not", async () => {
    const object = (apiVersion: string, kind: string, namespace: string): string =>
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x, namespace: ${namespace}}\n---\n`;
    const rendered = await renderFiles({
      "a.yaml":
        object("v1", "Pod", "a") +
        object("v1", "Pod", "b") +
        object("v1", "Service", "a") +
        object("serving.knative.dev/v1", "Service", "a") +
        object("serving.knative.dev/v1beta1", "Service", "a"),
    });
    expect(rendered.objects).toHaveLength(4);
    expect(only(rendered).rule).toBe("manifest/duplicate");
  });

  test("YAML that is no manifest is ignored with a warning", async () => {
    const rendered = await renderFiles({
      "a.yaml": configMap("a"),
      "docker-compose.yaml": "services:\n  web:\n    image: x\n",
      "list.yaml": "- a\n- b\n",
    });
    expect(rendered.findings.map(({ rule, severity }) => [rule, severity])).toEqual([
      ["manifest/not-kubernetes", "warning"],
      ["manifest/not-kubernetes", "warning"],
    ]);
    expect(rendered.complete).toBe(true);
  });

  test("too many files, entries or bytes end in one finding", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`d${i % 5}/${i}.yaml`, configMap(`n${i}`)]),
    );
    const tooMany = await renderFiles(files, { limits: { maxFiles: 10 } });
    expect(only(tooMany)).toMatchObject({ rule: "file/too-many" });
    expect(tooMany.complete).toBe(false);
    expect(only(await renderFiles(files, { limits: { maxEntries: 10 } })).rule).toBe(
      "file/too-many",
    );
    const tooLarge = await renderFiles(files, { limits: { maxTotalBytes: 500 } });
    expect(only(tooLarge).rule).toBe("file/too-large");
    expect(tooLarge.complete).toBe(false);
  });

  test("a tree of 10^10 files made of ten objects is refused at once", async () => {
    // Each level names the same directory ten times; only the ids are shared.
    const bombed = memoryTree({ "x.yaml": "a" });
    let id = bombed.id;
    const entriesOf = new Map<string, readonly string[]>();
    for (let level = 0; level < 10; level++) {
      const parent = `${level}`.padStart(40, "f");
      entriesOf.set(parent, Array<string>(10).fill(id));
      id = parent;
    }
    const { ObjectTree, directoryOf } = await import("../../../src/gitops/source/object-tree.ts");
    const tree = new ObjectTree(id, {
      where: "bomb",
      directory: async (wanted) => {
        const children = entriesOf.get(wanted);
        if (children === undefined) return directoryOf(await bombed.entries(""));
        const entry = (child: string, at: number) =>
          ({ name: `d${at}`, kind: "directory", id: child, executable: false }) as const;
        return directoryOf(children.map(entry));
      },
      blob: (blobId, maxBytes) => bombed.blob(blobId, { maxBytes }),
    });
    const rendered = await render(tree, { path: "", limits: { maxEntries: 5_000 } });
    expect(rendered.findings.some(({ rule }) => rule === "file/too-many")).toBe(true);
  });
});

describe("caching", () => {
  test("a commit that changes one file costs one file", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`apps/${i % 10}/${i}.yaml`, configMap(`n${i}`)]),
    );
    const cache = new RenderCache();
    const first = await render(memoryTree(files), { path: "" }, cache);
    const tree = memoryTree({ ...files, "apps/3/3.yaml": configMap("changed") });
    const second = await render(tree, { path: "" }, cache);
    expect(tree.blobReads).toHaveLength(1);
    expect(second.id).not.toBe(first.id);
    const unchanged = second.objects.filter(
      ({ object }, at) => object === first.objects[at]?.object,
    );
    expect(unchanged).toHaveLength(99);
  });

  test("the same content gives the same id, other options another", async () => {
    const files = { "apps/a.yaml": configMap("a"), "other/b.yaml": configMap("b") };
    const one = await renderFiles(files, { path: "apps" });
    const two = await renderFiles({ ...files, "other/b.yaml": configMap("c") }, { path: "apps" });
    expect(two.id).toBe(one.id);
    expect((await renderFiles(files, { path: "apps", exclude: "x" })).id).not.toBe(one.id);
    expect((await renderFiles(files, { path: "other" })).id).not.toBe(one.id);
  });

  test("what is over the limit is dropped, and read again", async () => {
    const cache = new RenderCache(300);
    const tree = memoryTree({
      "a.yaml": configMap("a"),
      "b.yaml": configMap("b", `# ${"x".repeat(250)}\n`),
    });
    const first = await render(tree, { path: "" }, cache);
    const second = await render(tree, { path: "" }, cache);
    expect(names(second)).toEqual(names(first));
    expect(tree.blobReads.length).toBeGreaterThan(2);
  });
});
