/** Files from disk: which are read, how they are judged, in which order. */
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ValidateOptions,
  validatePaths,
  type ValidationReport,
} from "../../../src/gitops/check/validate-paths.ts";
import { temporaryDirectory, WorkTree } from "../../git-fixture.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let files: WorkTree;
beforeEach(async () => {
  directory = await temporaryDirectory();
  files = new WorkTree(directory.path);
});
afterEach(() => directory.dispose());

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

async function validate(
  content: Readonly<Record<string, string | Uint8Array>>,
  options: ValidateOptions = {},
): Promise<ValidationReport> {
  await files.write(content);
  return validatePaths([directory.path], options);
}

/** Findings as `file rule severity`, files relative to the folder. */
function shown({ findings }: ValidationReport): string[] {
  return findings.map(
    ({ file, rule, severity }) => `${file.replace(`${directory.path}/`, "")} ${rule} ${severity}`,
  );
}

describe("which files", () => {
  test("YAML and JSON of a folder, in order of name, hidden folders left out", async () => {
    const report = await validate({
      "b.yml": configMap("b"),
      "a/2.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a2"}}',
      "a/10.yaml": configMap("a10"),
      "readme.md": "no",
      ".github/x.yaml": "no: manifest",
      "node_modules/p/x.yaml": "no: manifest",
    });
    expect(report.findings).toEqual([]);
    expect(report.files).toBe(3);
    expect(report.resources.map(({ object, status }) => [object?.name, status])).toEqual([
      ["a10", "valid"],
      ["a2", "valid"],
      ["b", "valid"],
    ]);
  });

  test("arguments in their order, a file whatever its name, and the input", async () => {
    await files.write({ "x.yaml": configMap("x"), noext: configMap("named") });
    const report = await validatePaths(
      [join(directory.path, "noext"), "-", join(directory.path, "x.yaml")],
      {
        readStdin: () => Promise.resolve(Buffer.from(configMap("in"))),
      },
    );
    expect(
      report.resources.map(({ file, object }) => [file.split("/").at(-1), object?.name]),
    ).toEqual([
      ["noext", "named"],
      ["stdin", "in"],
      ["x.yaml", "x"],
    ]);
  });

  test("links to files are read, links to folders are not followed in circles", async () => {
    await files.write({ "real/a.yaml": configMap("a") });
    await symlink("../real/a.yaml", join(directory.path, "real/b.yaml"));
    await symlink("..", join(directory.path, "real/up"));
    const report = await validatePaths([directory.path], {});
    expect(report.files).toBe(2);
  });

  test("what cannot be read is an error of its own", async () => {
    await expect(validatePaths([join(directory.path, "none.yaml")])).rejects.toMatchObject({
      name: "InputError",
      message: `${join(directory.path, "none.yaml")}: there is no such file or folder`,
    });
  });
});

describe("Kustomize and Helm", () => {
  test("whole manifests of a kustomization are checked, patches and charts are not", async () => {
    const report = await validate({
      "k/kustomization.yaml": "resources: [./good.yaml, bad.yaml]\npatches: [{path: patch.yaml}]\n",
      "k/good.yaml": `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n  volumes: [{name: v, configMap: {name: generated}}]\n`,
      "k/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndta: {}\n",
      "k/patch.yaml":
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 2}\n",
      "chart/Chart.yaml": "name: c\n",
      "chart/templates/x.yaml": "{{ .Values }}",
    });
    expect(shown(report)).toEqual([
      "chart/Chart.yaml render/helm info",
      "k/bad.yaml schema/unknown-field error",
      "k/kustomization.yaml render/kustomize info",
    ]);
  });

  test("where labels are added to selectors, nothing can be judged yet", async () => {
    const report = await validate({
      "kustomization.yaml": "resources: [d.yaml]\ncommonLabels: {app: x}\n",
      "d.yaml":
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {}}\n",
    });
    expect(shown(report)).toEqual(["kustomization.yaml render/kustomize info"]);
  });
});

describe("how it is judged", () => {
  const WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n";

  test("each object has a status, each unreadable file too", async () => {
    const report = await validate({
      "a.yaml": `${configMap("good")}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\nx: 1\n`,
      "b.yaml": "a: [\n",
      "c.yaml": WIDGET,
    });
    expect(report.resources.map(({ object, status }) => [object?.name, status])).toEqual([
      ["good", "valid"],
      ["bad", "invalid"],
      [undefined, "error"],
      ["w", "error"],
    ]);
  });

  test("kinds that nobody knows can be skipped", async () => {
    const report = await validate(
      { "c.yaml": WIDGET },
      { ignoreMissingSchemas: true, strict: true },
    );
    expect(report.resources[0]?.status).toBe("skipped");
    expect(shown(report)).toEqual(["c.yaml schema/unknown-kind info"]);
  });

  test("strict makes errors of warnings", async () => {
    const content = { "values.yaml": "a: 1\n" };
    expect(shown(await validate(content))).toEqual(["values.yaml manifest/not-kubernetes warning"]);
    expect(shown(await validate(content, { strict: true }))).toEqual([
      "values.yaml manifest/not-kubernetes error",
    ]);
    const named = await validatePaths([join(directory.path, "values.yaml")]);
    expect(shown(named)).toEqual(["values.yaml manifest/not-kubernetes error"]);
  });

  test("one object twice in a folder is an error, in two folders it is not", async () => {
    const report = await validate({
      "prod/a.yaml": configMap("a"),
      "prod/b.yaml": configMap("a"),
      "test/a.yaml": configMap("a"),
    });
    expect(shown(report)).toEqual(["prod/b.yaml manifest/duplicate error"]);
  });

  test("the same input gives the same report", async () => {
    const content = {
      "a.yaml": "x: [\n",
      "b.yaml": `${configMap("b")}y: 1\nz: 2\n`,
      "c.yaml": WIDGET,
    };
    const one = await validate(content);
    const two = await validate(content);
    expect(two.findings).toEqual(one.findings);
    expect(two.resources).toEqual(one.resources);
  });

  test("a stream of 20,000 objects passes", async () => {
    const stream = Array.from({ length: 20_000 }, (_, i) => configMap(`n${i}`)).join("---\n");
    const report = await validatePaths(["-"], {
      readStdin: () => Promise.resolve(Buffer.from(stream)),
    });
    expect(report.resources).toHaveLength(20_000);
    expect(report.findings).toEqual([]);
  });
});
