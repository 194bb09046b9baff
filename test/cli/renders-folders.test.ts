/** `render`, `validate` and `doctor` on folders of Kustomize and Helm, read from disk. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git } from "../git-fixture.ts";
import { findHelm, findKubectl, pathOf } from "../stock-tools.ts";
import { gantry } from "./command-line.ts";

let directory: string;
const helm = pathOf(await findHelm());
const kustomize = pathOf(await findKubectl());
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  key: v\n";
const FILES: Record<string, string> = {
  "base/kustomization.yaml": "resources: [x.yaml]\n",
  "base/x.yaml": CONFIG,
  "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\n",
  "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
  "web/values.yaml": "size: small\ncolor: red\n",
  "web/prod.yaml": "size: large\n",
  "web/templates/x.yaml":
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  size: {{ .Values.size }}\n  color: {{ .Values.color }}\n",
  "components/c/kustomization.yaml":
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
};

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "gantry-folders-")));
  for (const [path, content] of Object.entries(FILES)) write(path, content);
  await git(directory, "init", "-q", "-b", "main");
  process.env["GANTRY_HELM"] = helm;
  process.env["GANTRY_KUSTOMIZE"] = kustomize;
});
afterAll(() => {
  delete process.env["GANTRY_HELM"];
  delete process.env["GANTRY_KUSTOMIZE"];
  rmSync(directory, { recursive: true });
});

function write(path: string, content: string): void {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
const at = (path: string): string => join(directory, path);

describe("render", () => {
  test("an overlay, whose base lies outside of its folder", async () => {
    const { stdout, stderr, exitCode } = await gantry("render", at("overlays/prod"));
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("name: prod-c");
    expect(stdout).toMatch(/# .*base\/x\.yaml:1\n/);
  });

  test("a chart, with files of values, single values, a name and a namespace", async () => {
    const flags = ["--values", at("web/prod.yaml"), "--set", "color=blue", "-n", "shop"];
    const name = ["--release-name", "green"];
    const { stdout } = await gantry("render", at("web"), ...flags, ...name, "--output", "json");
    const { items } = JSON.parse(stdout) as { items: unknown[] };
    expect(items).toMatchObject([
      { metadata: { name: "green", namespace: "shop" }, data: { size: "large", color: "blue" } },
    ]);
  });

  test("a commit instead of the files", async () => {
    await git(directory, "add", "-A");
    await git(directory, "commit", "-q", "-m", "all");
    write("base/x.yaml", CONFIG.replace("key: v", "key: changed"));
    const committed = await gantry("render", at("overlays/prod"), "--revision", "HEAD");
    const now = await gantry("render", at("overlays/prod"));
    write("base/x.yaml", CONFIG);
    expect(committed.stdout).toContain("key: v");
    expect(now.stdout).toContain("key: changed");
  });

  test("a missing program is one message that says what to do", async () => {
    const { exitCode, stderr } = await gantry("render", at("web"), "--helm", "/nowhere/helm");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/Chart\.yaml: this folder needs Helm: \/nowhere\/helm is no program/);
  });
});

describe("validate", () => {
  test("what folders render to, said at the files that it comes from, and once", async () => {
    write("base/x.yaml", CONFIG.replace("\ndata:", "\ndta:"));
    const { exitCode, stdout } = await gantry("validate", directory, "--output", "github");
    write("base/x.yaml", CONFIG);
    expect(exitCode).toBe(1);
    expect(stdout.match(/^::error.*base\/x\.yaml.*dta/gm)).toHaveLength(1);
  });

  test("a good repository is good, components and all", async () => {
    expect(await gantry("validate", directory)).toMatchObject({ exitCode: 0 });
  });

  test("a template that fails is an error at its line", async () => {
    write("web/templates/bad.yaml", "a: 1\nb: {{ .Values.x.y.z }}\n");
    const { exitCode, stdout } = await gantry("validate", at("web"));
    rmSync(at("web/templates/bad.yaml"));
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/web\/templates\/bad\.yaml:2:/);
  });

  test("without the programs only what is a manifest as it stands is checked", async () => {
    process.env["GANTRY_KUSTOMIZE"] = "/nowhere/kustomize";
    const { exitCode, stdout } = await gantry("validate", at("overlays"), "--output", "json");
    process.env["GANTRY_KUSTOMIZE"] = kustomize;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("this folder is for Kustomize");
  });
});

test("doctor says which programs render, and how they are kept apart", async () => {
  const listen = ["--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];
  const flags = ["--data-dir", at("data"), ...listen, "--output", "json"];
  const { stdout } = await gantry("doctor", ...flags, "--helm", "/nowhere/helm");
  const findings = JSON.parse(stdout) as { check: string; result: string; advice?: string }[];
  const found = (check: string) => findings.find((finding) => finding.check === check);
  expect(found("rendering Kustomize")).toMatchObject({ result: "ok" });
  expect(found("rendering Helm")).toMatchObject({ result: "missing" });
  expect(found("rendering Helm")?.advice).toMatch(/helm\.sh.*GANTRY_HELM/);
  expect(found("rendering sandbox")).toBeDefined();
});
