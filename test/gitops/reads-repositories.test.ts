/** Applications on real Git repositories: what is rendered, what is shared, what is told. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/client/logger.ts";
import { systemClock } from "../../src/client/clock.ts";
import { Repositories } from "../../src/gitops/repositories.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { temporaryDirectory, WorkTree } from "../git-fixture.ts";
import { application, OperatedCluster } from "./operated-cluster.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let repositories: Repositories;
let cluster: OperatedCluster;
let changed: (keys: readonly string[]) => void;
const signal = new AbortController().signal;

beforeEach(async () => {
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  changed = () => undefined;
  repositories = new Repositories({
    dataDir: join(directory.path, "data"),
    clock: systemClock,
    logger: silentLogger,
    credentialsOf: () => undefined,
    onChange: (keys) => changed(keys),
  });
  cluster = new OperatedCluster();
  await cluster.createNamespace("default");
  await cluster.startOperator({ manifests: repositories });
});
afterEach(async () => {
  await cluster.stop();
  await repositories.stop();
  await directory.dispose();
});

const at = (path: string): { source: { repoURL: string; path: string } } => ({
  source: { repoURL: work.path, path },
});
const yaml = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {key: "${value}"}\n`;
const statusIs = (name: string, sync: string, revision: string): Promise<boolean> =>
  cluster.until(async () => {
    const { sync: now } = await cluster.status(name);
    return now?.status === sync && now.revision === revision;
  });
const look = (): void => cluster.operator?.refresh(["default/a", "default/b"]);

test("a commit becomes objects, also one that is noticed by itself", async () => {
  const first = await work.commit({ "a/all.yaml": yaml("a", "one") });
  await cluster.createApplication(at("a"), "a");
  await statusIs("a", "Synced", first);
  const noticed = new Promise<readonly string[]>((resolve) => {
    changed = resolve;
  });
  const second = await work.commit({ "a/all.yaml": yaml("a", "two") }, "Say two");
  expect(await noticed).toEqual(["default/a"]);
  look();
  await statusIs("a", "Synced", second);
  expect(await cluster.data("a")).toEqual({ key: "two" });
  expect((await cluster.status("a")).history?.at(-1)).toMatchObject({
    revision: second,
    author: "Ada",
    message: "Say two",
  });
});

test("broken YAML changes nothing and is reported with file and line", async () => {
  const first = await work.commit({ "a/all.yaml": yaml("a", "one"), "a/b.yaml": yaml("b", "1") });
  await cluster.createApplication(at("a"), "a");
  await statusIs("a", "Synced", first);
  const broken = await work.commit({ "a/all.yaml": `${yaml("a", "two")}\tx: [\n` });
  look();
  await statusIs("a", "Unknown", broken);
  expect(await cluster.data("a")).toEqual({ key: "one" });
  expect(await cluster.data("b")).toBeDefined();
  const [condition] = (await cluster.status("a")).conditions ?? [];
  expect(condition?.type).toBe("InvalidManifests");
  expect(condition?.message).toMatch(/^a\/all\.yaml:\d+:\d+: /);
  const fixed = await work.commit({ "a/all.yaml": yaml("a", "three") });
  look();
  await statusIs("a", "Synced", fixed);
  expect(await cluster.data("a")).toEqual({ key: "three" });
});

test.each([
  ["a folder that is not there", { path: "nowhere" }, "PathNotFound"],
  ["a branch that is not there", { targetRevision: "nowhere" }, "RevisionNotFound"],
  ["a repository that is not there", { repoURL: "/nowhere/at/all" }, undefined],
])("%s is reported", async (_what, source, reason) => {
  await work.commit({ "a/all.yaml": yaml("a", "one") });
  await cluster.createApplication({ source: { ...at("a").source, ...source } }, "a");
  const conditions = await cluster.until(async () => (await cluster.status("a")).conditions);
  expect(conditions[0]?.type).toBe("ComparisonError");
  if (reason !== undefined) expect(conditions[0]?.reason).toBe(reason);
});

describe("one repository for many Applications", () => {
  const manifests = (name: string) =>
    repositories.manifestsOf(application(at(name), name), { revision: "HEAD", signal });

  test("a commit to one folder leaves the manifests of the others the very same", async () => {
    const first = await work.commit({ "a/x.yaml": yaml("a", "1"), "b/x.yaml": yaml("b", "1") });
    const before = { a: await manifests("a"), b: await manifests("b") };
    const second = await work.commit({ "b/x.yaml": yaml("b", "2") });
    const after = { a: await manifests("a"), b: await manifests("b") };
    expect([after.a.commit.id, after.b.commit.id]).toEqual([first, second]);
    expect(after.a).toBe(before.a);
    expect(after.b.id).not.toBe(before.b.id);
  });

  test("a revision that says the same is the one that is followed", async () => {
    const first = await work.commit({ "a/x.yaml": yaml("a", "1"), "b/x.yaml": yaml("b", "1") });
    const followed = await manifests("a");
    const second = await work.commit({ "b/x.yaml": yaml("b", "2") });
    const app = application(at("a"), "a");
    for (const revision of [first, second])
      expect(await repositories.manifestsOf(app, { revision, signal })).toBe(followed);
    const third = await work.commit({ "a/x.yaml": yaml("a", "3") });
    const other = await repositories.manifestsOf(app, { revision: third, signal });
    expect(other.commit.id).toBe(third);
    expect(await repositories.manifestsOf(app, { revision: third, signal })).toBe(other);
  });

  test("an unchanged commit that is made again elsewhere in history changes nothing", async () => {
    await work.commit({ "a/x.yaml": yaml("a", "1") });
    const one = await manifests("a");
    await work.commit({ "a/x.yaml": yaml("a", "2") });
    const two = await manifests("a");
    const back = await work.commit({ "a/x.yaml": yaml("a", "1") });
    const three = await manifests("a");
    expect(three.commit.id).toBe(back);
    expect(three.id).toBe(one.id);
    expect(two.id).not.toBe(one.id);
  });

  test("tells those of a commit that it concerns, but not those that left", async () => {
    const [a, b, c] = [yaml("a", "1"), yaml("b", "1"), yaml("c", "1")];
    await work.commit({ "a/x.yaml": a, "b/x.yaml": b, "c/x.yaml": c });
    for (const name of ["a", "b", "c"]) await manifests(name);
    await repositories.forget("default/a");
    const noticed = new Promise<readonly string[]>((resolve) => {
      changed = resolve;
    });
    await work.commit({ "a/x.yaml": yaml("a", "2"), "b/x.yaml": yaml("b", "2") });
    expect(await noticed).toEqual(["default/b"]);
  });
});

test("an Application that moves to another repository follows that one", async () => {
  await work.commit({ "a/x.yaml": yaml("a", "here") });
  const other = await WorkTree.init(join(directory.path, "other"));
  const there = await other.commit({ "a/x.yaml": yaml("a", "there") });
  await cluster.createApplication(at("a"), "a");
  await cluster.until(async () => (await cluster.data("a"))?.["key"] === "here");
  await cluster.change({ spec: { source: { repoURL: other.path } } }, "a");
  await statusIs("a", "Synced", there);
  expect(await cluster.data("a")).toEqual({ key: "there" });
});

test("a rollback reaches back into the history of the repository", async () => {
  const first = await work.commit({ "a/x.yaml": yaml("a", "1") });
  await cluster.createApplication(at("a"), "a");
  await statusIs("a", "Synced", first);
  const second = await work.commit({ "a/x.yaml": yaml("a", "2") });
  look();
  await statusIs("a", "Synced", second);
  await cluster.operate({ revision: first }, "a");
  await statusIs("a", "Synced", first);
  expect(await cluster.data("a")).toEqual({ key: "1" });
  expect(await cluster.find(applications, "a")).toMatchObject({
    status: { rollback: { revision: first, insteadOf: second } },
  });
});
