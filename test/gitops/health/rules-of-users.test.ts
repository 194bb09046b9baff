/** HealthCheck, spec.healthChecks and Argo CD's ConfigMap: CEL and Lua, compiled and bounded. */
import { describe, expect, it } from "vitest";
import {
  isArgoConfig,
  ofArgoConfig,
  ofHealthCheck,
  type RuleDefinition,
} from "../../../src/gitops/health/custom/rule-definition.ts";
import { RuleSet } from "../../../src/gitops/health/custom/rule-set.ts";
import type { Health } from "../../../src/gitops/health/health.ts";
import { healthOf } from "../../../src/gitops/health/rules.ts";
import { deepFreeze } from "../../../src/kube/object.ts";
import { liveObject } from "./live-object.ts";

async function judge(
  rule: Partial<RuleDefinition>,
  fields: Record<string, unknown>,
): Promise<Health | undefined> {
  const custom = await RuleSet.compile([
    { name: "HealthCheck/test", group: "example.com", kind: "Thing", ...rule },
  ]);
  expect(custom.problems).toEqual([]);
  return healthOf(liveObject("example.com/v1", "Thing", fields), { custom });
}

describe("CEL", () => {
  const cel = {
    current: "status.phase == 'Ready'",
    inProgress: "status.phase == 'Creating'",
    failed: "status.phase == 'Broken' || metadata.name == 'doomed'",
  };
  it.each<[string, Record<string, unknown>]>([
    ["Healthy", { status: { phase: "Ready" } }],
    ["Progressing", { status: { phase: "Creating" } }],
    ["Degraded", { status: { phase: "Broken" } }],
    ["Progressing", { status: { phase: "Other" } }],
    ["Progressing", {}],
    ["Progressing", { status: { phase: "Ready", observedGeneration: 0 } }],
    // inProgress is asked first.
    ["Progressing", { metadata: { name: "doomed" }, status: { phase: "Creating" } }],
    ["Degraded", { metadata: { name: "doomed" }, status: { phase: "Ready" } }],
  ])("%s for %j", async (status, fields) => {
    expect((await judge({ cel }, fields))?.status).toBe(status);
  });

  it("says what it misses, and what the object says of itself", async () => {
    expect((await judge({ cel }, {}))?.message).toContain("Unknown variable: status");
    const status = { phase: "Broken", message: "disk full" };
    expect((await judge({ cel }, { status }))?.message).toBe("disk full");
  });

  it("that never ends makes the object Unknown, and rests", async () => {
    const current = "status.l.all(a, status.l.all(b, status.l.all(c, a + b + c >= 0)))";
    const custom = await RuleSet.compile([
      { name: "HealthCheck/slow", group: "example.com", kind: "*", cel: { current } },
    ]);
    const status = { l: Array.from({ length: 3000 }, () => 1) };
    const judgeOnce = (name: string): Health | undefined =>
      healthOf(liveObject("example.com/v1", "Thing", { metadata: { name }, status }), { custom });
    expect(judgeOnce("first")?.status).toBe("Unknown");
    const startMs = performance.now();
    for (let count = 0; count < 1000; count++) expect(judgeOnce("next")?.status).toBe("Unknown");
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});

describe("Lua as for Argo CD", () => {
  const CERTIFICATE = `
    hs = {}
    if obj.status ~= nil then
      if obj.status.conditions ~= nil then
        for i, condition in ipairs(obj.status.conditions) do
          if condition.type == "Ready" and condition.status == "False" then
            hs.status = "Degraded"
            hs.message = condition.message
            return hs
          end
          if condition.type == "Ready" and condition.status == "True" then
            hs.status = "Healthy"
            hs.message = condition.message
            return hs
          end
        end
      end
    end
    hs.status = "Progressing"
    hs.message = "Waiting for certificate"
    return hs`;
  it.each<[Health, Record<string, unknown>]>([
    [{ status: "Progressing", message: "Waiting for certificate" }, {}],
    [
      { status: "Degraded", message: "ungültig" },
      { status: { conditions: [{ type: "Ready", status: "False", message: "ungültig" }] } },
    ],
    [
      { status: "Healthy" },
      { status: { conditions: [{ type: "Ready", status: "True", message: "" }] } },
    ],
  ])("%j", async (health, fields) => {
    expect(await judge({ lua: CERTIFICATE }, fields)).toEqual(health);
  });

  it.each<[string, string]>([
    ["hs = {status = 'Healthy', message = 'global'}", "global"],
    ["return {status='Healthy', message=string.format('%s/%d', obj.kind, obj.spec.n)}", "Thing/3"],
    ["return {status='Healthy', message=obj.spec.n .. ' ' .. obj.spec.f}", "3 1.5"],
    ["return {status='Healthy', message=tostring(#obj.spec.list)}", "2"],
    ["return {status='Healthy', message=string.match('v1.20', '(%d+)%.(%d+)')}", "1"],
    ["return {status='Healthy', message=(('a-b-c'):gsub('%-', '+'))}", "a+b+c"],
    ["return {status='Healthy', message=(('x=1'):gsub('(%w)=(%w)', '%2=%1'))}", "1=x"],
    [
      "local t = {} for k in ('a,b'):gmatch('[^,]+') do t[#t+1] = k end return {status='Healthy', message=table.concat(t, ';')}",
      "a;b",
    ],
    ["return {status='Healthy', message=tostring(('hello'):find('l', 1, true))}", "3"],
    ["return {status='Healthy', message=('ab'):rep(2, '-')}", "ab-ab"],
    ["local a, b = unpack(obj.spec.list) return {status='Healthy', message=b .. a}", "yx"],
    ["return {status='Healthy', message=os.date('%Y', 864000)}", "1970"],
    ["return {status='Healthy', message=os.date('!%Y-%m-%dT%H:%M', 86400)}", "1970-01-02T00:00"],
    ["return {status='Healthy', message=tostring(#os.date('!%Y'))}", "4"],
    ["return {status='Healthy', message=tostring(obj.spec.missing)}", "nil"],
  ])("%s", async (lua, message) => {
    const spec = { n: 3, f: 1.5, list: ["x", "y"], missing: null };
    expect(await judge({ lua }, { spec })).toEqual({ status: "Healthy", message });
  });

  it.each<[string, string]>([
    ["error('boom')", "boom"],
    ["return 1", "no table"],
    ["return {}", "returned no health status"],
    ["return {status = 'Fine'}", "returned no health status"],
    ["return obj.a.b", "attempt to index a nil value"],
    ["return {status = ('x'):match('(')}", "unfinished capture"],
  ])("what fails is Unknown: %s", async (lua, message) => {
    const health = await judge({ lua }, {});
    expect(health?.status).toBe("Unknown");
    expect(health?.message).toContain(message);
  });

  it.each([
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local s = 'x' while true do s = s .. s end",
    "return {status = ('x'):rep(1e9)}",
    "return {status = tostring(('a'):rep(100000):find('.-.-.-.-.-b'))}",
    "return {status = tostring(('a'):rep(100000):gsub('.-.-.-.-.-b', ''))}",
    "local t = {} for i = 1, 30000 do table.insert(t, 1, i) end",
    "local t = {} while true do t[#t + 1] = {table.unpack({}, 1, 1e6)} end",
    "local function f(...) local t = {} while true do t[#t + 1] = {...} end end f(table.unpack({}, 1, 200))",
    "local function f() return f() end f()",
    "local function f() return 1 + f() end f()",
    "local t = setmetatable({}, {__tostring = function() while true do end end}) return {status = tostring(t)}",
    "local s = ('x'):rep(200000) while true do s = s:upper() end",
    "local s, q = ('x'):rep(200000), ('x'):rep(200000) while true do local z = s == q end",
    "local t = {} for i = 1, 60000 do t[i] = i end table.sort(t, function(a, b) return a > b end)",
    "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end return {status = table.concat(t)}",
  ])("what never ends is Unknown: %s", async (lua) => {
    const startMs = performance.now();
    const health = await judge({ lua }, {});
    expect(health?.message).toMatch(/it takes (more|longer) than|it builds a text/);
    expect(performance.now() - startMs).toBeLessThan(4000);
  });

  it("reaches nothing outside", async () => {
    const names = [
      "io require package debug load loadfile dofile loadstring coroutine collectgarbage",
      "os.execute os.exit os.getenv os.remove os.rename os.tmpname string.dump table.move fengari js",
    ].flatMap((text) => text.split(" "));
    const tests = names.map((name) => `if ${name} ~= nil then found = found .. ' ${name}' end`);
    const lua = `local found = '' ${tests.join(" ")} return {status = 'Healthy', message = found}`;
    expect(await judge({ lua }, {})).toEqual({ status: "Healthy" });
  });

  it("is refused when it is no Lua, or bytecode", async () => {
    const { problems } = await RuleSet.compile([
      { name: "a", group: "", kind: "Pod", lua: "this is no lua" },
      { name: "b", group: "", kind: "Pod", lua: "\x1bLua\x53" },
      { name: "c", group: "", kind: "Pod", lua: `x = ${"(".repeat(9000)}1${")".repeat(9000)}` },
      { name: "d", group: "", kind: "Pod", cel: { current: "status.(" } },
      { name: "e", group: "", kind: "Pod" },
    ]);
    expect(problems.map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
    expect(problems[0]?.message).toContain("syntax error");
  });

  it("cannot change what the next object is judged by", async () => {
    const lua = `if seen then return {status = 'Degraded'} end
      seen = true string.format = nil getmetatable('').__index = nil
      return {status = 'Healthy'}`;
    const custom = await RuleSet.compile([{ name: "x", group: "example.com", kind: "*", lua }]);
    for (const name of ["a", "b"]) {
      const object = liveObject("example.com/v1", "Thing", { metadata: { name } });
      expect(healthOf(object, { custom })?.status).toBe("Healthy");
    }
  });

  it("refuses objects that are too deep", async () => {
    let spec: Record<string, unknown> = {};
    for (let depth = 0; depth < 1000; depth++) spec = { spec };
    const health = await judge({ lua: "return {status = 'Healthy'}" }, { spec });
    expect(health?.status).toBe("Unknown");
    expect(health?.message).toContain("nested too deeply");
  });
});

describe("which rule counts", () => {
  const rule = (group: string, kind: string, message: string): RuleDefinition => ({
    name: `${group}/${kind}`,
    group,
    kind,
    lua: `return {status = 'Healthy', message = '${message}'}`,
  });
  it("the most exact one, before the built-in one", async () => {
    const custom = await RuleSet.compile([
      rule("*", "*", "any"),
      rule("*.example.com", "*", "group"),
      rule("apps", "Deployment", "deployment"),
    ]);
    const message = (apiVersion: string, kind: string): string | undefined =>
      healthOf(liveObject(apiVersion, kind), { custom })?.message;
    expect(message("apps/v1", "Deployment")).toBe("deployment");
    expect(message("a.example.com/v1", "Thing")).toBe("group");
    expect(message("v1", "ConfigMap")).toBe("any");
  });

  it("that of the Application before that of the cluster", async () => {
    const cluster = await RuleSet.compile([rule("apps", "Deployment", "cluster")]);
    const own = await RuleSet.compile([rule("apps", "*", "own")], cluster);
    const other = await RuleSet.compile([], cluster);
    const object = liveObject("apps/v1", "Deployment");
    expect(healthOf(object, { custom: own })?.message).toBe("own");
    expect(healthOf(object, { custom: other })?.message).toBe("cluster");
  });

  it("judges an unchanged object once", async () => {
    const lua = "return {status = 'Healthy', message = tostring(os.time())}";
    const custom = await RuleSet.compile([{ name: "x", group: "apps", kind: "*", lua }]);
    const object = deepFreeze(liveObject("apps/v1", "Deployment"));
    expect(healthOf(object, { custom })).toBe(healthOf(object, { custom }));
  });
});

describe("a rule that cannot be used", () => {
  it("makes the objects of its kind Unknown, with the reason", async () => {
    const custom = await RuleSet.compile([
      { name: "HealthCheck/x", group: "apps", kind: "Deployment", cel: { current: "status.(" } },
    ]);
    const health = healthOf(liveObject("apps/v1", "Deployment"), { custom });
    expect(health?.status).toBe("Unknown");
    expect(health?.message).toMatch(/^HealthCheck\/x cannot be used: .*column/);
    expect(healthOf(liveObject("batch/v1", "Job"), { custom })?.status).toBe("Progressing");
  });
});

describe("where rules come from", () => {
  it("HealthCheck", () => {
    const metadata = { name: "things" };
    const spec = { kind: "Thing", cel: { current: "true" } };
    const check = { apiVersion: "gantry.dev/v1", kind: "HealthCheck", metadata, spec };
    expect(ofHealthCheck(check)).toEqual({
      name: "HealthCheck/things",
      group: "",
      kind: "Thing",
      cel: { current: "true" },
    });
  });

  it("argocd-cm with nonsense: nothing", () => {
    for (const text of ["[", "a: [b", "- 1", "", "&a [*a, *a]"]) {
      const data = { "resource.customizations": text };
      const metadata = { name: "argocd-cm" };
      const config = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
      expect(ofArgoConfig(config)).toEqual([]);
    }
  });

  it("argocd-cm, unchanged", () => {
    const config = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "argocd-cm", labels: { "app.kubernetes.io/part-of": "argocd" } },
      data: {
        "resource.customizations.health.cert-manager.io_Certificate": "one",
        "resource.customizations.health.*.crossplane.io_*": "two",
        "resource.customizations.health.PersistentVolumeClaim": "three",
        "resource.customizations.actions.apps_Deployment": "no",
        "resource.customizations":
          "argoproj.io/Rollout:\n  health.lua: |\n    four\n  actions: no\nPod:\n  health.lua: five\nodd: 3\n",
        url: "https://example.com",
      },
    };
    expect(isArgoConfig(config)).toBe(true);
    expect(isArgoConfig({ ...config, metadata: { name: "argocd-cm" } })).toBe(false);
    expect(ofArgoConfig(config).map(({ group, kind, lua }) => [group, kind, lua])).toEqual([
      ["cert-manager.io", "Certificate", "one"],
      ["*.crossplane.io", "*", "two"],
      ["", "PersistentVolumeClaim", "three"],
      ["argoproj.io", "Rollout", "four\n"],
      ["", "Pod", "five"],
    ]);
  });
});
