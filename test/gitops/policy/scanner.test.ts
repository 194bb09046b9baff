import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { entropyOf, isNamedSecret, tokenIn } from "../../../src/gitops/policy/scan/secret-text.ts";
import { SCAN_RULES } from "../../../src/gitops/policy/scan/scan-object.ts";
import { application, check, policy, project } from "./rendered.ts";

const scan = policy({ scan: {} });
const ids = async (yaml: string): Promise<string[]> =>
  (await check(yaml, [scan])).map(({ rule }) => rule.replace("scan/", ""));

/** Keeps to every rule. */
const GOOD = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true}
  containers:
    - name: web
      image: registry.example/web:1.2@sha256:${"a".repeat(64)}
      readinessProbe: {httpGet: {port: 80}}
      securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}
      resources:
        requests: {cpu: 100m, memory: 10Mi}
        limits: {memory: 10Mi}
      env:
        - {name: MODE, value: fast}
`;
const pod = (from: string, to: string): string => {
  if (!GOOD.includes(from)) throw new Error(`nothing like ${from}`);
  return GOOD.replace(from, to);
};
const SECURITY = "securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}";
const withSecurity = (more: string): string =>
  pod(SECURITY, `securityContext: {readOnlyRootFilesystem: true, ${more}}`);
const withSpec = (more: string): string => pod("spec:\n", `spec:\n  ${more}\n`);
const withEnv = (name: string, value: string): string =>
  pod("- {name: MODE, value: fast}", `- {name: ${name}, value: ${JSON.stringify(value)}}`);

describe("what the scanner finds", () => {
  it("nothing in a pod that keeps to all rules", async () => {
    expect(await ids(GOOD)).toEqual([]);
  });

  it.each<[string, string]>([
    ["host-network", withSpec("hostNetwork: true")],
    ["host-pid", withSpec("hostPID: true")],
    ["host-ipc", withSpec("hostIPC: true")],
    ["host-path", withSpec("volumes: [{name: v, hostPath: {path: /}}]")],
    ["default-token", pod("automountServiceAccountToken: false", "serviceAccountName: default")],
    ["privileged", withSecurity("privileged: true")],
    ["privilege-escalation", withSecurity("allowPrivilegeEscalation: true")],
    ["capabilities", withSecurity("capabilities: {add: [CAP_SYS_ADMIN]}")],
    ["run-as-root", withSecurity("runAsUser: 0")],
    ["run-as-root", pod("runAsNonRoot: true", "runAsNonRoot: false")],
    ["non-root", pod("securityContext: {runAsNonRoot: true}", "securityContext: {}")],
    ["writable-root", pod("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")],
    ["host-port", pod("image:", "ports: [{hostPort: 80, containerPort: 80}]\n      image:")],
    ["limits", pod("        limits: {memory: 10Mi}\n", "")],
    ["requests", pod("requests: {cpu: 100m, memory: 10Mi}", "requests: {memory: 10Mi}")],
    ["probes", pod("      readinessProbe: {httpGet: {port: 80}}\n", "")],
    ["secret-in-env", withEnv("DB_PASSWORD", "hunter2hunter2")],
    ["secret-in-env", withEnv("apiKey", "k3jh45kj3h45kjh")],
    ["secret-in-env", withEnv("DATABASE_URL", "postgres://user:hunter2@db/shop")],
    ["secret-in-env", withEnv("WHATEVER", `ghp_${"a1B2".repeat(9)}`)],
  ])("%s", async (id, yaml) => {
    expect(await ids(yaml)).toEqual([id]);
  });

  it("images by tag, without tag, as latest", async () => {
    const image = (name: string): Promise<string[]> =>
      ids(GOOD.replace(/image: .*/, `image: ${name}`));
    expect(await image("web")).toEqual(["latest-tag", "image-digest"].sort());
    expect((await image("localhost:5000/web:latest")).sort()).toEqual([
      "image-digest",
      "latest-tag",
    ]);
    expect(await image("localhost:5000/web:1")).toEqual(["image-digest"]);
    expect(await image(`web@sha256:${"0".repeat(64)}`)).toEqual([]);
  });

  it("in every kind that has pods", async () => {
    const spec = `{containers: [{name: a, image: "a:1", securityContext: {privileged: true}}]}`;
    const template = `{template: {spec: ${spec}}}`;
    for (const [apiVersion, kind, body] of [
      ["apps/v1", "Deployment", template],
      ["apps/v1", "StatefulSet", template],
      ["apps/v1", "DaemonSet", template],
      ["batch/v1", "Job", template],
      ["batch/v1", "CronJob", `{jobTemplate: {spec: ${template}}}`],
    ] as const) {
      const yaml = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\nspec: ${body}\n`;
      expect(await ids(yaml)).toContain("privileged");
    }
  });

  it("at the line of the field, with what to do", async () => {
    const [finding] = await check(withSecurity("privileged: true"), [scan]);
    expect(finding).toMatchObject({
      rule: "scan/privileged",
      severity: "warning",
      line: 11,
      message: "container web: is privileged: it is root on the node",
    });
    expect(finding?.suggestion).toContain("Remove securityContext.privileged");
  });
});

describe("secrets", () => {
  const CONFIG = `apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  password: hunter2hunter2
  key.pem: |
    -----BEGIN RSA PRIVATE KEY-----
    MIIEow
  settings: "retries=3"
`;
  it("in ConfigMaps, without repeating them", async () => {
    const findings = await check(CONFIG, [scan]);
    expect(findings.map(({ line, path }) => [line, path])).toEqual([
      [5, "data[password]"],
      [6, "data[key.pem]"],
    ]);
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|MIIEow/);
    const [env] = await check(withEnv("DB_PASSWORD", "hunter2hunter2"), [scan]);
    expect(JSON.stringify(env)).not.toContain("hunter2");
  });

  it.each([
    ["PASSWORD_FILE", "/run/secrets/password"],
    ["DB_PASSWORD", "$(OTHER)"],
    ["DB_PASSWORD", "${DB_PASSWORD}"],
    ["DB_PASSWORD", "changeme"],
    ["DB_PASSWORD", ""],
    ["TOKEN_TTL", "3600seconds1"],
    ["TOKEN_URL", "https://login.example/token"],
    ["AUTH_METHOD", "password123"],
    ["SECRET_NAME", "web-credentials-1"],
    ["AUTHOR", "somebody12345"],
    ["KEYBOARD", "qwerty-1234567"],
    ["TOKENIZER", "sentencepiece-1"],
    ["GREETING", "hello from a password1"],
    ["ENABLE_AUTH", "true"],
    ["AWS_ACCESS_KEY_ID", "not-a-real-key-1"],
    ["API", "postgres://db/shop"],
    ["DATABASE_URL", "postgres://user:$(PASSWORD)@db/shop"],
    ["NEXTAUTH_URL", "https://example.com/a1b2c3d4"],
  ])("not in %s=%s", async (name, value) => {
    expect(await ids(withEnv(name, value))).toEqual([]);
  });

  it("are told by their form and by their entropy", () => {
    expect(tokenIn(`x glpat-${"a".repeat(20)}`)).toBe("a token of GitLab");
    expect(tokenIn("nothing of the kind")).toBeUndefined();
    expect(entropyOf("aaaaaaaa")).toBe(0);
    expect(isNamedSecret("password", "aaaaaaaa")).toBe(false);
    expect(isNamedSecret("clientSecret", "kjhsdfKJHSDkjh")).toBe(true);
  });
});

describe("severities", () => {
  it("may be changed by the Policy, and by the Project before it", async () => {
    const yaml = withSecurity("privileged: true");
    const strict = policy({
      scan: { severities: [{ rule: "scan/privileged", severity: "error" }] },
    });
    expect(await check(yaml, [strict])).toMatchObject([{ severity: "error" }]);
    const severities = [{ rule: "scan/*", severity: "off" as const }];
    const off = project({ sourceRepos: ["*"], destinations: [{}], severities });
    expect(await check(yaml, [strict], { application: application(), project: off })).toEqual([]);
  });

  it("findings of two policies are told once", async () => {
    const yaml = withSecurity("privileged: true");
    expect(await check(yaml, [scan, policy({ scan: {} }, "other")])).toHaveLength(1);
  });
});

describe("images", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const found = async (images: object): Promise<string[]> =>
    (await check(GOOD, [policy({ images })])).map(({ message }) => message);
  it.each<[boolean, object]>([
    [true, { allowed: ["registry.example/*"] }],
    [true, { allowed: ["docker.io/*", "registry.example/web:*"] }],
    [true, { blocked: ["registry.example/other*"] }],
    [false, { allowed: ["docker.io/*"] }],
    [false, { allowed: [] }],
    [false, { blocked: ["*/web:*"] }],
    [false, { blocked: [digest] }],
  ])("%s: %j", async (isAllowed, images) => {
    expect((await found(images)).length === 0).toBe(isAllowed);
  });

  it("that a report knows are refused, with why", async () => {
    const report = (text: string) => () => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "bad" },
      data: { "scan.txt": text },
    });
    const images = policy({ images: { reports: [{ namespace: "security", name: "bad" }] } });
    const text = `# a comment\nnonsense\n${digest} CVE-2026-1\n`;
    const findings = await check(GOOD, [images], { configMapOf: report(text) });
    expect(findings).toMatchObject([
      { severity: "error", message: expect.stringContaining("is reported: CVE-2026-1") as string },
    ]);
    expect(await check(GOOD, [images], { configMapOf: report("") })).toEqual([]);
    expect(await check(GOOD, [images])).toEqual([]);
  });

  it("whose names are none", async () => {
    const yaml = GOOD.replace(/image: .*/, `image: "../../etc/passwd"`);
    expect(await check(yaml, [policy({ images: {} })])).toMatchObject([
      { message: expect.stringContaining("is no name of an image") as string },
    ]);
  });
});

describe("hostile manifests", () => {
  it.each([
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: []\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: {}}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [1, null, {image: 3, env: 4, ports: 5, securityContext: 6, resources: 7}]}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {__proto__: {hostNetwork: true}, volumes: 3}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [1]\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: 3}\ndata: {a: 1, b: null}\n",
  ])("are no crash: %s", async (yaml) => {
    expect(Array.isArray(await check(yaml, [scan]))).toBe(true);
    expect(await ids(yaml)).not.toContain("host-network");
  });

  it("long texts take no time", async () => {
    for (const text of ["a://b:".repeat(100_000), "-----BEGIN ".repeat(50_000), "A".repeat(2e6)]) {
      const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {password: ${JSON.stringify(text)}}\n`;
      const startMs = performance.now();
      await check(yaml, [scan]);
      expect(performance.now() - startMs).toBeLessThan(2000);
    }
  });
});

describe("the sample repository", () => {
  const root = resolve(import.meta.dirname, "../../../sample-repo");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.ya?ml$/.test(name),
  );
  const FALSE_ALARMS = ["scan/secret-in-env", "scan/secret-in-configmap", "scan/privileged"];
  it.each(files)("no false alarm in %s", async (name) => {
    const text = readFileSync(join(root, name), "utf8");
    if (text.includes("{{")) return;
    const found = await check(text, [scan]);
    expect(found.filter(({ rule }) => FALSE_ALARMS.includes(rule))).toEqual([]);
  });
});

it("every rule has an id of its own and says what to do", () => {
  expect(new Set(SCAN_RULES.map(({ id }) => id)).size).toBe(SCAN_RULES.length);
  for (const { id, advice } of SCAN_RULES) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(advice.length).toBeGreaterThan(10);
  }
});
