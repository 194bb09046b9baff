import { describe, expect, it } from "vitest";
import { compilePolicies } from "../../../src/gitops/policy/compile-policies.ts";
import { checkPolicies } from "../../../src/gitops/policy/check-policies.ts";
import type { Manifest } from "../../../src/gitops/render/manifest.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { application, check, policy, project } from "./rendered.ts";

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels:
    team: shop
spec:
  replicas: 1
`;
const replicas = {
  name: "replicas",
  expression: "object.spec.replicas >= params.least",
  message: "runs too few replicas",
  field: "spec.replicas",
};
const least = { params: { least: 2 }, rules: [replicas] };

describe("a rule in CEL", () => {
  it("finds what breaks it, at its field", async () => {
    expect(await check(WEB, [policy(least)])).toEqual([
      {
        rule: "policy/test/replicas",
        severity: "error",
        message: "runs too few replicas",
        path: "spec.replicas",
        file: "web.yaml",
        line: 8,
        column: 13,
        object: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      },
    ]);
    expect(await check(WEB, [policy({ ...least, params: { least: 1 } })])).toEqual([]);
  });

  it("has a severity, and a message of its own making", async () => {
    const messageExpression = "'wants ' + string(params.least) + '\\nreplicas'";
    const rules = [{ ...replicas, severity: "warning" as const, messageExpression }];
    expect(await check(WEB, [policy({ ...least, rules })])).toMatchObject([
      { severity: "warning", message: "wants 2 replicas" },
    ]);
  });

  it("reads the Application", async () => {
    const rules = [
      { name: "home", expression: "application.spec.destination.namespace == 'default'" },
      { name: "name", expression: "application.metadata.name == 'app'" },
    ];
    expect(await check(WEB, [policy({ rules })], { application: application() })).toEqual([]);
    const elsewhere = application({ destination: { namespace: "other" } });
    const found = await check(WEB, [policy({ rules })], { application: elsewhere });
    expect(found.map(({ rule }) => rule)).toEqual(["policy/test/home"]);
  });

  it("that does not fit the object is broken by it", async () => {
    const rules = [{ name: "x", expression: "object.spec.missing.field == 1" }];
    expect(await check(WEB, [policy({ rules })])).toMatchObject([
      { severity: "error", message: expect.stringContaining("No such key: missing") as string },
    ]);
  });

  it("never repeats the values of a Secret", async () => {
    const secret = `apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: hunter2hunter2}
data: {other: aHVudGVyMg==}
`;
    const rules = [
      {
        name: "x",
        expression: "has(object.stringData.nothing)",
        messageExpression: "string(object.stringData.password) + object.data.other",
      },
      { name: "y", expression: "int(object.stringData.password) == 1" },
    ];
    const text = JSON.stringify(await check(secret, [policy({ rules })]));
    expect(text).toContain("<hidden>");
    expect(text).not.toMatch(/hunter2|aHVudGVyMg/);
  });
});

describe("which objects a Policy is about", () => {
  const found = async (match: object, more: object = {}): Promise<boolean> =>
    (await check(WEB, [policy({ ...least, match, ...more })], { application: application() }))
      .length > 0;
  it.each<[boolean, object]>([
    [true, {}],
    [true, { kinds: ["Deploy*"] }],
    [true, { groups: ["apps"], kinds: ["StatefulSet", "Deployment"] }],
    [true, { namespaces: ["default"] }],
    [true, { names: ["w*"] }],
    [true, { labelSelector: { matchLabels: { team: "shop" } } }],
    [true, { projects: ["default"] }],
    [true, { applications: ["app"] }],
    [true, { applications: ["team/*"] }],
    [false, { kinds: ["Pod"] }],
    [false, { groups: [""] }],
    [false, { namespaces: ["kube-*"] }],
    [false, { labelSelector: { matchLabels: { team: "other" } } }],
    [false, { projects: ["shop"] }],
    [false, { applications: ["other/*"] }],
    [false, { kinds: ["Deployment"], names: ["other"] }],
  ])("%s: %j", async (isFound, match) => {
    expect(await found(match)).toBe(isFound);
  });
  it("not those that are excluded", async () => {
    expect(await found({}, { exclude: { names: ["web"] } })).toBe(false);
    expect(await found({}, { exclude: { names: ["other"] } })).toBe(true);
  });
});

describe("exemptions", () => {
  const exempt = WEB.replace(
    "  labels:",
    "  annotations:\n    policy.gantry.dev/exempt: scan/x, policy/test/*\n  labels:",
  );
  it("count only where the policy allows them", async () => {
    expect(await check(exempt, [policy(least)])).toHaveLength(1);
    expect(await check(exempt, [policy({ ...least, allowExemptions: true })])).toEqual([]);
    expect(await check(WEB, [policy({ ...least, allowExemptions: true })])).toHaveLength(1);
  });
});

describe("severities of a Project", () => {
  it("come before those of the rule", async () => {
    const judge = async (severity: "error" | "warning" | "info" | "off") => {
      const severities = [{ rule: "policy/test/*", severity }];
      const findings = await check(WEB, [policy(least)], {
        application: application(),
        project: project({ sourceRepos: ["*"], destinations: [{}], severities }),
      });
      return findings.map((finding) => finding.severity);
    };
    expect(await judge("warning")).toEqual(["warning"]);
    expect(await judge("off")).toEqual([]);
  });
});

describe("hostile input", () => {
  it("an expression that never ends is given up once, as an error, and others go on", async () => {
    const list = `[${Array.from({ length: 300 }, () => 1).join(",")}]`;
    const slow = `object.list.all(a, object.list.all(b, object.list.all(c, a + b + c > 0)))`;
    const object = (name: string): string =>
      `apiVersion: x.example/v1\nkind: Big\nmetadata: {name: ${name}}\nlist: ${list}\n`;
    const yaml = Array.from({ length: 200 }, (_, index) => object(`b${index}`)).join("---\n");
    const rules = [
      { name: "slow", expression: slow, severity: "info" as const },
      { name: "name", expression: "object.metadata.name != 'b199'" },
    ];
    const startMs = performance.now();
    const findings = await check(yaml, [policy({ rules })]);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect(findings.map(({ rule, severity }) => `${rule} ${severity}`)).toEqual([
      "policy/test/slow error",
      "policy/test/name error",
    ]);
    expect(findings[0]?.message).toContain("takes too long");
  });

  it("many rules that take long leave others their turn", async () => {
    const list = `[${Array.from({ length: 90 }, () => 1).join(",")}]`;
    const slow = "object.list.all(a, object.list.all(b, a + b > 0))";
    const object = (name: string): string =>
      `apiVersion: x.example/v1\nkind: Big\nmetadata: {name: ${name}}\nlist: ${list}\n`;
    const yaml = Array.from({ length: 40 }, (_, index) => object(`b${index}`)).join("---\n");
    const rules = Array.from({ length: 10 }, (_, at) => ({ name: `r${at}`, expression: slow }));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    expect(await check(yaml, [policy({ rules })])).toEqual([]);
    isDone = true;
    expect(turns).toBeGreaterThan(10);
  });

  it("a rule that cannot work is told, with its place", async () => {
    const { problems, policies } = await compilePolicies([
      policy({
        rules: [
          { name: "a", expression: "object.(" },
          { name: "b", expression: "true", messageExpression: "1" },
        ],
        match: { labelSelector: { matchExpressions: [{ key: "a", operator: "Near" }] } },
      }),
    ]);
    expect(problems.map(({ where }) => where)).toEqual([
      "Policy/test spec.rules[0].expression",
      "Policy/test spec.rules[1].messageExpression",
      "Policy/test spec.match.labelSelector",
    ]);
    const broken = policies[0]?.rules.filter(({ isBroken }) => isBroken === true) ?? [];
    expect(broken.map(({ id }) => id)).toEqual(["policy/test/a", "policy/test/match"]);
  });

  it("a rule that cannot work is broken by what it is about, and by nothing else", async () => {
    const rules = [{ name: "a", expression: "object.(" }];
    expect(await check(WEB, [policy({ rules })])).toMatchObject([
      { rule: "policy/test/a", severity: "error" },
    ]);
    expect(await check(WEB, [policy({ rules, match: { kinds: ["Pod"] } })])).toEqual([]);
  });

  it("an object that is too deep for expressions is an error", async () => {
    let spec: object = {};
    for (let depth = 0; depth < 5000; depth++) spec = { spec };
    const manifest: Manifest = {
      object: { apiVersion: "v1", kind: "Deep", metadata: { name: "deep" }, spec } as KubeObject,
      origin: { file: "deep.yaml", line: 1, column: 1, document: 0 },
      positionOf: () => ({ line: 1, column: 1 }),
    };
    const findings = await checkPolicies([manifest], {
      policies: await compilePolicies([policy(least)]),
      isNamespaced: () => true,
    });
    expect(findings).toMatchObject([{ severity: "error", rule: "policy/test/replicas" }]);
  });

  it("names of a prototype are names", async () => {
    const yaml = `apiVersion: v1
kind: ConfigMap
metadata: {name: x, annotations: {constructor: a, __proto__: b}}
data: {__proto__: "1", constructor: "2"}
`;
    const rules = [{ name: "x", expression: "object.data['__proto__'] == '1'" }];
    expect(await check(yaml, [policy({ rules, scan: {} })])).toEqual([]);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("1");
  });
});
