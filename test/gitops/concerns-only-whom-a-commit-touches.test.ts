/** Which Applications a commit concerns: found from tree ids, whatever renders them. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/client/clock.ts";
import { silentLogger } from "../../src/client/logger.ts";
import { ApplicationRenderer } from "../../src/gitops/application-renderer.ts";
import type { ApplicationManifests } from "../../src/gitops/application-manifests.ts";
import { Repositories } from "../../src/gitops/repositories.ts";
import type { Application, ApplicationSpec } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { temporaryDirectory, WorkTree } from "../git-fixture.ts";
import { application, OperatedCluster } from "./operated-cluster.ts";
import { CONFIG_MAP, stockPrograms } from "./render/rendered-files.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let cluster: OperatedCluster;
let repositories: Repositories;
const told: string[][] = [];
const { signal } = new AbortController();

beforeEach(async () => {
  told.length = 0;
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  cluster = new OperatedCluster();
  await cluster.createNamespace("default");
  repositories = new Repositories({
    dataDir: join(directory.path, "data"),
    clock: systemClock,
    logger: silentLogger,
    credentialsOf: () => undefined,
    onChange: (keys, sinceMs) => {
      told.push([...keys].sort());
      cluster.operator?.refresh(keys, sinceMs);
    },
    renderer: new ApplicationRenderer({
      client: cluster.client,
      programs: stockPrograms(),
      onChange: (keys) => {
        told.push([...keys].sort());
        cluster.operator?.refresh(keys);
      },
    }),
  });
});
afterEach(async () => {
  await cluster.stop();
  await repositories.stop();
  await directory.dispose();
});

const appAt = (path: string, spec: Partial<ApplicationSpec> = {}): Application =>
  application({ source: { repoURL: work.path, path }, ...spec }, path.replaceAll("/", "-"));
const manifests = (app: Application): Promise<ApplicationManifests> =>
  repositories.manifestsOf(app, { revision: "HEAD", signal });

const FILES = {
  "plain/x.yaml": CONFIG_MAP("plain"),
  "base/kustomization.yaml": "resources: [x.yaml]\n",
  "base/x.yaml": CONFIG_MAP("based"),
  "base/unused.yaml": CONFIG_MAP("unused"),
  "one/kustomization.yaml": "resources: [../base]\nnamePrefix: one-\n",
  "two/kustomization.yaml": "resources: [x.yaml]\n",
  "two/x.yaml": CONFIG_MAP("two"),
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
  "chart/templates/x.yaml": CONFIG_MAP("chart"),
  "env/prod.yaml": "a: 1\n",
};
const CHARTED = {
  source: { repoURL: "", path: "chart", helm: { valueFiles: ["/env/prod.yaml"] } },
};

const all = (): Application[] => [
  appAt("plain"),
  appAt("one"),
  appAt("two"),
  appAt("chart", { source: { ...CHARTED.source, repoURL: work.path } }),
];

test.each([
  ["a plain file", "plain/x.yaml", ["plain"]],
  ["a base", "base/x.yaml", ["one"]],
  ["a file of the base that nobody lists", "base/unused.yaml", []],
  ["an overlay", "two/x.yaml", ["two"]],
  ["a second kustomization that would be a conflict", "two/kustomization.yml", ["two"]],
  ["a template", "chart/templates/x.yaml", ["chart"]],
  ["a file of values elsewhere", "env/prod.yaml", ["chart"]],
  ["a file of nobody", "README.md", []],
])("%s", async (_what, path, concerned) => {
  const first = await work.commit(FILES);
  const before = new Map<string, ApplicationManifests>();
  for (const app of all()) before.set(app.metadata.name, await manifests(app));
  // Of whom nothing was known when the watch first spoke was told of, too.
  told.length = 0;
  const content = path.endsWith(".md")
    ? "hi"
    : path.startsWith("env")
      ? "a: 2\n"
      : CONFIG_MAP("new");
  const second = await work.commit({ [path]: content, "zz/last.yaml": "x" });
  const names = all().map(({ metadata }) => `default/${metadata.name}`);
  repositories.refresh(names);
  for (const app of all()) {
    const { name } = app.metadata;
    const after = await manifests(app);
    const isConcerned = concerned.includes(name);
    expect([name, after.commit.id]).toEqual([name, isConcerned ? second : first]);
    if (!isConcerned) expect(after).toBe(before.get(name));
  }
  if (concerned.length > 0)
    await expect.poll(() => told).toContainEqual(concerned.map((name) => `default/${name}`));
  // Whether the watch or the call came first: nobody else was ever told.
  expect(new Set(told.flat())).toEqual(new Set(concerned.map((name) => `default/${name}`)));
});

test("a commit that is yet to come leaves alone whom it does not touch", async () => {
  await work.commit(FILES);
  for (const app of all()) await manifests(app);
  await work.commit({ "base/x.yaml": CONFIG_MAP("new") });
  const source = { repoURL: work.path };
  const user = { key: "default/reader", namespace: "default" };
  const commit = await repositories.commitOf(user, source, { notBeforeMs: 0, signal });
  const untouched: string[] = [];
  for (const app of all())
    if ((await repositories.knownAs(app, { commit, isOf: () => true })) !== undefined)
      untouched.push(app.metadata.name);
  expect(untouched).toEqual(["plain", "two", "chart"]);
});

test("a repository that cannot be read any longer concerns all of its Applications", async () => {
  await work.commit(FILES);
  for (const app of all()) await manifests(app);
  await work.git("checkout", "-q", "--detach");
  await work.git("update-ref", "-d", "refs/heads/main");
  await work.git("symbolic-ref", "HEAD", "refs/heads/main");
  repositories.refresh(all().map(({ metadata }) => `default/${metadata.name}`));
  await expect.poll(() => told.flat()).toContain("default/two");
  expect(new Set(told.flat()).size).toBe(4);
});

test("an untouched Application costs no write, and keeps to the commit that it has", async () => {
  await cluster.startOperator({ manifests: repositories });
  const first = await work.commit(FILES);
  for (const name of ["plain", "two"]) await cluster.client.create(applications, appAt(name));
  const synced = (name: string, revision: string): Promise<boolean> =>
    cluster.until(async () => {
      const { sync } = await cluster.status(name);
      return sync?.status === "Synced" && sync.revision === revision;
    });
  await synced("plain", first);
  await synced("two", first);
  const before = (await cluster.application("plain")).metadata.resourceVersion;
  const second = await work.commit({ "two/x.yaml": CONFIG_MAP("two", "changed") });
  repositories.refresh(["default/plain", "default/two"]);
  await synced("two", second);
  expect((await cluster.application("plain")).metadata.resourceVersion).toBe(before);
  // Who asks for that commit by name gets what is there.
  await cluster.operate({ revision: second }, "plain");
  await cluster.until(
    async () => (await cluster.status("plain")).operationState?.phase === "Succeeded",
  );
  expect((await cluster.status("plain")).rollback).toBeUndefined();
});

test("several sources: each commit counts, and both revisions are told", async () => {
  const other = await WorkTree.init(join(directory.path, "other"));
  const here = await work.commit(FILES);
  const there = await other.commit({ "x.yaml": CONFIG_MAP("x") });
  const app = application({}, "both");
  delete app.spec.source;
  app.spec.sources = [{ repoURL: work.path, path: "plain" }, { repoURL: other.path }];
  const first = await manifests(app);
  expect(first.commit.revisions).toEqual([here, there]);
  const newer = await other.commit({ "x.yaml": CONFIG_MAP("x", "2") });
  const second = await manifests(app);
  expect(second.commit.revisions).toEqual([here, newer]);
  expect(second.id).not.toBe(first.id);
  await work.commit({ "elsewhere.yaml": "x" });
  expect(await manifests(app)).toBe(second);
});

test("variables from ConfigMaps and Secrets: a change of either renders again", async () => {
  await work.commit({
    "v/x.yaml": `${CONFIG_MAP("x")}  a: "\${A}"\n  b: "\${B:-none}"\n  c: "\${C}"\n`,
  });
  const app = appAt("v", {
    postBuild: {
      substitute: { C: "own" },
      substituteFrom: [
        { kind: "ConfigMap", name: "vars" },
        { kind: "Secret", name: "more", optional: true },
      ],
    },
  });
  await expect(manifests(app)).rejects.toMatchObject({ code: "missing-variables" });
  const at = { namespace: "default", name: "vars" };
  await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: at,
    data: { A: "1", C: "overridden" },
  });
  const data = async (): Promise<unknown> => {
    const [manifest] = (await manifests(app)).manifests;
    return (manifest?.object as { data?: unknown } | undefined)?.data;
  };
  await expect.poll(data, { timeout: 10_000 }).toEqual({ key: "v", a: "1", b: "none", c: "own" });
  told.length = 0;
  await cluster.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "default", name: "more" },
    data: { B: Buffer.from("hunter2").toString("base64") },
  });
  await expect.poll(() => told.flat()).toContain("default/v");
  expect(await data()).toEqual({ key: "v", a: "1", b: "hunter2", c: "own" });
  expect((await manifests(app)).id).not.toContain("hunter2");
  const body = { data: { A: "2" } };
  told.length = 0;
  await cluster.client.patch(configMaps, at, { type: "merge", body });
  await expect.poll(() => told.flat()).toContain("default/v");
  expect(await data()).toMatchObject({ a: "2" });
});
