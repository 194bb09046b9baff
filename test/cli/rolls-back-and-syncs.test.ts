import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { confirm } from "../../src/cli/confirm.ts";
import type { CliContext } from "../../src/cli/context.ts";
import { parseResource } from "../../src/cli/resource-argument.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { projects } from "../../src/kube/kinds/project.ts";
import { gantry } from "./command-line.ts";
import { type ServerFixture, startServerFixture } from "./server-fixture.ts";

const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`;

let fixture: ServerFixture;
let flags: string[];
let first: string;
let second: string;
beforeAll(async () => {
  fixture = await startServerFixture({
    "a.yaml": configMap("a", "one"),
    "b.yaml": configMap("b", "one"),
  });
  flags = ["--data-dir", fixture.dataDir];
  const { status } = await fixture.application((app) => app.status?.sync?.status === "Synced");
  first = status?.sync?.revision ?? "";
  second = fixture.commit({ "a.yaml": configMap("a", "two") }, "two");
  await synced(second);
});
afterAll(() => fixture.stop());

const synced = (revision: string) =>
  fixture.application(
    ({ status }) => status?.sync?.status === "Synced" && status.sync.revision === revision,
  );
const live = async (name = "a"): Promise<string | undefined> =>
  (await fixture.server.client.get(configMaps, { namespace: "default", name })).data?.["key"];
const application = () =>
  fixture.server.client.get(applications, { namespace: "default", name: "default" });

describe("rollback", () => {
  test("--dry-run shows what would change, and changes nothing", async () => {
    const text = await gantry("rollback", "default", "1", "--dry-run", ...flags);
    expect(text).toMatchObject({ exitCode: 0 });
    expect(text.stdout).toContain('data.key: "two" → "one"');
    const json = await gantry("rollback", "default", "--dry-run", "--output", "json", ...flags);
    expect(JSON.parse(json.stdout)).toMatchObject({
      revision: first,
      summary: { update: 1 },
      objects: [{ name: "a", action: "update" }],
    });
    expect(await live()).toBe("two");
    expect((await application()).status?.rollback).toBeUndefined();
  });

  test("shows the diff first, goes back, and says why it is held", async () => {
    const result = await gantry("rollback", "default", "1", "--yes", ...flags);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout.indexOf("data.key")).toBeLessThan(result.stdout.indexOf("Succeeded"));
    expect(await live()).toBe("one");
    const status = await gantry("status", "default", ...flags);
    expect(status.stdout).toMatch(
      new RegExp(
        `Rolled back {2}to ${first}, until there is a commit after ${second} \\(requested by \\w+\\)`,
      ),
    );
    expect((await application()).status?.history?.at(-1)).toMatchObject({
      revision: first,
      rollback: expect.stringMatching(/^requested by/) as string,
    });
  });

  test("resume lets the newest commit in again", async () => {
    const result = await gantry("resume", "default", ...flags);
    expect(result.stdout).toContain(`resumed; ${second.slice(0, 12)} is no longer kept out`);
    await synced(second);
    expect(await live()).toBe("two");
    expect((await application()).status?.rollback).toBeUndefined();
  });

  test("with JSON only the result is on standard output", async () => {
    const result = await gantry(
      "rollback",
      "default",
      "1",
      "-y",
      "--output",
      "json",
      ...flags,
    ).then((found) =>
      found.exitCode === 2
        ? gantry("rollback", "default", "1", "--yes", "--output", "json", ...flags)
        : found,
    );
    expect(JSON.parse(result.stdout)).toMatchObject({ sync: { revision: first } });
    expect(result.stderr).toContain("data.key");
    await gantry("resume", ...flags);
    await synced(second);
  });
});

describe("sync", () => {
  test("--resource syncs only what it names", async () => {
    await gantry("suspend", ...flags);
    fixture.commit(
      { "a.yaml": configMap("a", "three"), "b.yaml": configMap("b", "three") },
      "three",
    );
    const result = await gantry(
      "sync",
      "--resource",
      ":ConfigMap:b",
      "--resource",
      ":ConfigMap:default/c",
      ...flags,
    );
    expect(result).toMatchObject({ exitCode: 0 });
    expect([await live("a"), await live("b")]).toEqual(["two", "three"]);
    expect((await application()).status?.sync?.status).toBe("OutOfSync");
  });

  test("--dry-run tells what would change, object by object", async () => {
    const result = await gantry("sync", "--dry-run", ...flags);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toContain("~ ConfigMap default/a: would be configured");
    expect(await live("a")).toBe("two");
  });

  test("--wait shows progress on standard error and the result on standard output", async () => {
    const result = await gantry("sync", "--wait", "--timeout", "30s", "--output", "json", ...flags);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(result.stdout)).toMatchObject({
      sync: { status: "Synced" },
      health: { status: "Healthy" },
    });
    expect(result.stderr).toMatch(/Synced, Healthy/);
    expect((await application()).status?.operationState?.initiatedBy).toBeTruthy();
    await gantry("resume", ...flags);
  });
});

test("status says who suspended it and since when", async () => {
  await gantry("suspend", ...flags);
  const status = await gantry("status", "default", ...flags);
  expect(status.stdout).toMatch(
    /Suspended {4}by \w+ since \d{4}-\d\d-\d\dT[\d:]+Z; `gantry resume` goes on/,
  );
  await gantry("resume", ...flags);
  expect((await application()).metadata.annotations ?? {}).toEqual({});
  // The condition goes with the operator's next look.
  await expect
    .poll(async () => (await gantry("status", "default", ...flags)).stdout, { timeout: 10_000 })
    .not.toContain("Suspended");
});

test("status shows windows, and a sync inside a deny window is refused with the way out", async () => {
  const windows = [{ kind: "deny", schedule: "* * * * *", duration: "1h", description: "freeze" }];
  const key = { namespace: "default", name: "default" };
  const change = (value: object | null) =>
    fixture.server.client.patch(applications, key, {
      type: "merge",
      body: { spec: { syncPolicy: { windows: value } } } as never,
    });
  await change(windows);
  const status = await gantry("status", "default", ...flags);
  expect(status.stdout).toMatch(
    /Sync window {2}closed for the foreseeable future: deny \* \* \* \* \* for 1h in UTC \(freeze\)\n {2}on request denied/,
  );
  const sync = await gantry("sync", ...flags);
  expect(sync.exitCode).toBe(1);
  expect(sync.stdout).toContain("manualSync: true in the window allows them on request");
  await change(null);
  expect((await gantry("status", "default", ...flags)).stdout).not.toContain("Sync window");
  const project = {
    apiVersion: "gantry.dev/v1",
    kind: "Project",
    metadata: { name: "default" },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
      syncWindows: [{ ...windows[0], appliesTo: "selfHeal" }],
    },
  } as const;
  await fixture.server.client.create(projects, structuredClone(project) as never);
  expect((await gantry("status", "default", ...flags)).stdout).toMatch(
    /Sync window {2}open\n {2}self-heal {2}closed for the foreseeable future: deny self-heal/,
  );
  await fixture.server.client.delete(projects, { name: "default" });
});

test("diff marks hooks, what is ignored and what is not pruned", async () => {
  const hook = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: before\n  annotations:\n    argocd.argoproj.io/hook: PreSync\n`;
  const key = { namespace: "default", name: "default" };
  await gantry("suspend", ...flags);
  const ignoreDifferences = [{ kind: "ConfigMap", name: "a", jqPathExpressions: [".data.key"] }];
  await fixture.server.client.patch(applications, key, {
    type: "merge",
    body: { spec: { ignoreDifferences, syncPolicy: { automated: { prune: null } } } } as never,
  });
  fixture.commit(
    {
      "a.yaml": configMap("a", "ignored"),
      "b.yaml": null,
      "c.yaml": configMap("c", "new"),
      "hook.yaml": hook,
    },
    "four",
  );
  await fixture.application(({ status }) =>
    (status?.resources ?? []).some(({ name }) => name === "c"),
  );
  const diff = await gantry("diff", "default", ...flags);
  expect(diff).toMatchObject({ exitCode: 1 });
  expect(diff.stdout).toContain("+ ConfigMap default/c  (c.yaml:1)");
  expect(diff.stdout).toContain("» ConfigMap default/before  (hook.yaml:1)  hook, runs at PreSync");
  expect(diff.stdout).toContain("ignored: ConfigMap default/a /data/key");
  expect(diff.stdout).toContain("not pruned: ConfigMap default/b: pruning is off");
  const json = JSON.parse(
    (await gantry("diff", "default", "--output", "json", ...flags)).stdout,
  ) as unknown;
  expect(json).toMatchObject({
    hooks: [{ name: "before", phases: ["PreSync"], file: "hook.yaml" }],
    ignored: [{ name: "a", fields: ["/data/key"] }],
    notPruned: [{ name: "b" }],
  });
  expect((await gantry("diff", "default", "--output", "markdown", ...flags)).stdout).toContain(
    "- ignored: ConfigMap default/a /data/key",
  );
});

describe("--resource", () => {
  test.each([
    ["apps:Deployment:web", { group: "apps", kind: "Deployment", name: "web" }],
    [":ConfigMap:a", { kind: "ConfigMap", name: "a" }],
    [
      "apps:Deployment:prod/web",
      { group: "apps", kind: "Deployment", namespace: "prod", name: "web" },
    ],
    [
      "rbac.authorization.k8s.io:ClusterRole:system:node",
      { group: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node" },
    ],
  ])("%s", (text, expected) => {
    expect(parseResource(text)).toEqual(expected);
  });

  test.each([
    "Deployment/web",
    "apps:Deployment",
    "apps:Deployment:",
    "a:b:c/d/e",
    "::a",
    "apps:Deployment:a b",
    "",
  ])("%j is wrong usage", async (text) => {
    expect(() => parseResource(text)).toThrow(/write group:Kind:name/);
    if (text === "") return;
    expect(await gantry("sync", "--resource", text, ...flags)).toMatchObject({
      exitCode: 2,
      stdout: "",
    });
  });
});

describe("a question at the terminal", () => {
  const ask = async (answer: string | undefined): Promise<boolean> => {
    const input = new PassThrough();
    const stdin = Object.assign(input, { isTTY: answer !== undefined });
    const stderr = Object.assign(new PassThrough(), { isTTY: answer !== undefined });
    const asked = confirm({ process: { stdin, stderr } } as unknown as CliContext, "Go back?");
    if (answer !== undefined) input.write(`${answer}\n`);
    return asked;
  };
  test.each<[string | undefined, boolean]>([
    ["y", true],
    ["YES", true],
    ["n", false],
    ["", false],
    ["yellow", false],
    [undefined, true],
  ])("%s: %s", async (answer, goesOn) => {
    expect(await ask(answer)).toBe(goesOn);
  });
});
