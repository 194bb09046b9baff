import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApplicationSpec } from "../../../src/kube/kinds/application.ts";
import { applications } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { pod, podReady, setStatus } from "../cluster-players.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";
import { FakeMonorepo } from "./fake-monorepo.ts";

let cluster: OperatedCluster;
let repository: FakeMonorepo;
beforeEach(async () => {
  repository = new FakeMonorepo();
  cluster = await OperatedCluster.start({ manifests: repository });
});
afterEach(() => cluster.stop());

async function push(folders: Parameters<FakeMonorepo["push"]>[0]): Promise<string> {
  const revision = repository.push(folders);
  const known = cluster.operator?.applications.list() ?? [];
  cluster.operator?.refresh(known.map(({ metadata }) => `default/${metadata.name}`));
  await cluster.settle();
  return revision;
}
const dependsOn = (...names: string[]): Partial<ApplicationSpec> => ({
  dependsOn: names.map((name) => ({ name })),
});
const condition = async (name: string, type = "DependencyNotReady") =>
  (await cluster.status(name)).conditions?.find((found) => found.type === type);
const exists = async (name: string): Promise<boolean> => (await cluster.data(name)) !== undefined;

test("an Application is synced once what it depends on is healthy, without polling", async () => {
  await push({ db: [pod("db")], web: [configMap("web")] });
  await cluster.createApplication(dependsOn("db"), "web");
  expect(await condition("web")).toMatchObject({
    reason: "DependencyMissing",
    message: "there is no Application default/db",
  });
  expect(await cluster.events("DependencyMissing")).toHaveLength(1);
  await cluster.createApplication({}, "db");
  expect(await exists("web")).toBe(false);
  expect(await condition("web")).toMatchObject({
    reason: "NotReady",
    message: expect.stringMatching(/^waits: default\/db is Progressing/) as string,
  });
  expect((await cluster.status("web")).sync?.status).toBe("OutOfSync");
  // No time passes: the change is watched.
  const before = cluster.clock.now();
  await podReady(cluster, "db");
  expect(await exists("web")).toBe(true);
  expect(cluster.clock.now() - before).toBeLessThan(1_000);
  expect(await condition("web")).toBeUndefined();
});

describe("one commit for both", () => {
  const version = (name: string, n: number) => configMap(name, { version: String(n) });
  const current = async (name: string) => (await cluster.data(name))?.["version"];

  test("the dependency comes first, and the other only when it is healthy again", async () => {
    await push({ db: [pod("db"), version("db", 1)], web: [version("web", 1)] });
    await cluster.createApplication({}, "db");
    await podReady(cluster, "db");
    await cluster.createApplication(dependsOn("db"), "web");
    expect(await current("web")).toBe("1");
    const labelled = { ...pod("db"), metadata: { name: "db", labels: { v: "2" } } };
    await setStatus(cluster, pods, "db", { phase: "Pending", conditions: [] });
    await push({ db: [labelled, version("db", 2)], web: [version("web", 2)] });
    expect(await current("db")).toBe("2");
    expect(await current("web")).toBe("1");
    await podReady(cluster, "db");
    expect(await current("web")).toBe("2");
  });

  test("looked at first, the other has the dependency looked at, and follows it", async () => {
    await push({ db: [version("db", 1)], web: [version("web", 1)] });
    await cluster.createApplication({}, "db");
    await cluster.createApplication(dependsOn("db"), "web");
    repository.push({ db: [version("db", 2)], web: [version("web", 2)] });
    // Only the dependent hears of it.
    cluster.operator?.refresh(["default/web"]);
    await cluster.settle();
    expect([await current("db"), await current("web")]).toEqual(["2", "2"]);
    const [db, web] = await Promise.all(
      ["db", "web"].map((name) => cluster.find(configMaps, name)),
    );
    expect(Number(db?.metadata.resourceVersion)).toBeLessThan(
      Number(web?.metadata.resourceVersion),
    );
  });

  test("one that does not touch the dependency does not wait for it", async () => {
    await push({ db: [version("db", 1)], web: [version("web", 1)] });
    await cluster.createApplication({}, "db");
    await cluster.createApplication(dependsOn("db"), "web");
    await push({ web: [version("web", 2)] });
    expect(await current("web")).toBe("2");
  });

  test("while the dependency was rolled back from it, the other stays, too", async () => {
    const first = await push({ db: [version("db", 1)], web: [version("web", 1)] });
    await cluster.createApplication({}, "db");
    await cluster.createApplication(dependsOn("db"), "web");
    await cluster.operate({ revision: first }, "db");
    await cluster.change({ spec: { suspend: true } }, "web");
    await push({ db: [version("db", 2)], web: [version("web", 2)] });
    await cluster.operate({ revision: first }, "db");
    await cluster.change({ spec: { suspend: null } }, "web");
    expect([await current("db"), await current("web")]).toEqual(["1", "1"]);
    expect((await condition("web"))?.message).toContain("was rolled back from 000200000000");
    // Who asks for it gets it.
    await cluster.operate({}, "web");
    expect(await current("web")).toBe("2");
  });

  test("drift is healed whatever the dependency does", async () => {
    await push({ db: [pod("db")], web: [version("web", 1)] });
    await cluster.createApplication({}, "db");
    await podReady(cluster, "db");
    await cluster.createApplication(dependsOn("db"), "web");
    await setStatus(cluster, pods, "db", { phase: "Pending", conditions: [] });
    await cluster.meddle(configMaps, "web", { data: { version: "meddled" } });
    expect(await current("web")).toBe("1");
    expect(await condition("web")).toBeUndefined();
  });
});

test("a circle is said by all in it, and broken as soon as one leaves it", async () => {
  await push({ a: [configMap("a")], b: [configMap("b")] });
  await cluster.createApplication(dependsOn("b"), "a");
  await cluster.createApplication(dependsOn("a"), "b");
  expect(await condition("a")).toMatchObject({ reason: "DependencyCycle" });
  expect(await condition("b")).toMatchObject({
    reason: "DependencyCycle",
    message: expect.stringContaining("default/b → default/a → default/b") as string,
  });
  expect([await exists("a"), await exists("b")]).toEqual([false, false]);
  await cluster.change({ spec: { dependsOn: null } }, "b");
  expect([await exists("a"), await exists("b")]).toEqual([true, true]);
  expect(await condition("a")).toBeUndefined();
});

test("in another namespace, with an expression", async () => {
  await cluster.createNamespace("data");
  await push({ db: [], web: [configMap("web")] });
  const readyExpr = "dep.metadata.labels['ready'] == 'yes' && self.metadata.name == 'web'";
  await cluster.createApplication(
    { dependsOn: [{ name: "db", namespace: "data", readyExpr }] },
    "web",
  );
  await cluster.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "db", namespace: "data", labels: { ready: "no" } },
    spec: { source: { repoURL: "other" }, destination: { namespace: "data" } },
  });
  // The engine of the expressions is loaded only now.
  const waits = await cluster.until(async () => {
    const found = await condition("web");
    return found?.reason === "NotReady" ? found : undefined;
  });
  expect(waits.message).toContain("data/db: readyExpr is not true");
  await cluster.client.patch(
    applications,
    { namespace: "data", name: "db" },
    { type: "merge", body: { metadata: { labels: { ready: "yes" } } } },
  );
  await cluster.settle();
  expect(await exists("web")).toBe(true);
});

test("a restarted operator waits as before", async () => {
  await push({ db: [pod("db")], web: [configMap("web")] });
  await cluster.createApplication({}, "db");
  await cluster.createApplication(dependsOn("db"), "web");
  await cluster.stopOperator();
  await cluster.startOperator({ manifests: repository });
  await cluster.settle();
  expect(await exists("web")).toBe(false);
  await podReady(cluster, "db");
  expect(await exists("web")).toBe(true);
});
