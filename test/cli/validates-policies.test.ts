import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gantry } from "./command-line.ts";

let directory: string;
const write = (path: string, content: string): string => {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gantry-policies-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const CONFIG = `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  password: hunter2hunter2
`;
const POLICY = `apiVersion: gantry.dev/v1
kind: Policy
metadata:
  name: keys
spec:
  match: {kinds: [ConfigMap]}
  rules:
    - name: named
      expression: object.metadata.name.startsWith("app-")
      message: the name must begin with app-
      field: metadata.name
`;
const PROJECT = `apiVersion: gantry.dev/v1
kind: Project
metadata:
  name: shop
spec:
  sourceRepos: ["https://git.example/*"]
  destinations: [{namespace: default}]
`;

describe("gantry validate", () => {
  test("does not scan unless it is asked to", async () => {
    const file = write("a.yaml", CONFIG);
    expect(await gantry("validate", file)).toMatchObject({ exitCode: 0 });
    const { exitCode, stdout } = await gantry("validate", "--scan", file);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/warning\[scan\/secret-in-configmap\].*\n --> .*a\.yaml:6:13/);
    expect(stdout).toContain('the key "password" holds what looks like a secret');
    for (const output of ["text", "json", "junit", "tap", "sarif", "github"]) {
      const shown = await gantry("validate", "--scan", "--output", output, file);
      expect(shown.stdout).not.toContain("hunter2");
    }
    expect(await gantry("validate", "--scan", "--strict", file)).toMatchObject({ exitCode: 1 });
  });

  test("holds the input to the Policies in it", async () => {
    write("deploy/a.yaml", CONFIG);
    write("deploy/policy.yaml", POLICY);
    const { exitCode, stdout } = await gantry("validate", join(directory, "deploy"));
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /error\[policy\/keys\/named\]: the name must begin with app-\n --> .*a\.yaml:4:9/,
    );
  });

  test("and to those that --policy names, in every form of output", async () => {
    const policy = write("policies/keys.yaml", POLICY);
    const file = write("a.yaml", CONFIG);
    const sarif = await gantry("validate", "--policy", policy, "--output", "sarif", file);
    expect(sarif.exitCode).toBe(1);
    const [run] = (JSON.parse(sarif.stdout) as { runs: { results: { ruleId: string }[] }[] }).runs;
    expect(run?.results.map(({ ruleId }) => ruleId)).toEqual(["policy/keys/named"]);
    const json = await gantry("validate", "--policy", policy, "--output", "json", file);
    expect(json.stdout).toContain("policy/keys/named");
    const github = await gantry("validate", "--policy", policy, "--output", "github", file);
    expect(github.stdout).toMatch(/^::error .*line=4/m);
  });

  test("holds it to a Project", async () => {
    const project = write("policies/shop.yaml", PROJECT);
    const file = write(
      "a.yaml",
      `${CONFIG}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n`,
    );
    const flags = ["--policy", project, "--project", "shop"];
    const { exitCode, stdout } = await gantry("validate", ...flags, file);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("Project shop does not allow Namespace");
    expect(stdout).not.toContain("does not allow ConfigMap");
    const unknown = await gantry("validate", "--policy", project, "--project", "other", file);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('there is no Project "other"');
  });

  test("holds Applications to the Projects beside them", async () => {
    write("project.yaml", PROJECT);
    write(
      "app.yaml",
      `apiVersion: gantry.dev/v1
kind: Application
metadata: {name: web, namespace: team}
spec:
  project: shop
  source: {repoURL: "https://evil.example/x"}
  destination: {namespace: default}
`,
    );
    const { exitCode, stdout } = await gantry("validate", directory);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("does not allow the repository https://evil.example/x");
  });

  test("tells rules that cannot work, with their place", async () => {
    const policy = write(
      "policy.yaml",
      POLICY.replace('object.metadata.name.startsWith("app-")', "object.("),
    );
    const check = write(
      "check.yaml",
      "apiVersion: gantry.dev/v1\nkind: HealthCheck\nmetadata: {name: x}\nspec:\n  kind: Thing\n  lua: this is no lua\n",
    );
    const { exitCode, stdout } = await gantry("validate", policy, check);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/policy\.yaml:9:\d+/);
    expect(stdout).toMatch(/check\.yaml:6:\d+/);
  });

  test("does not pass over a Policy that is wrong in itself", async () => {
    const policy = write("policy.yaml", POLICY.replace("expression:", "expresion:"));
    const file = write("a.yaml", CONFIG);
    const { exitCode, stdout } = await gantry("validate", "--policy", policy, file);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("expresion");
  });
});
