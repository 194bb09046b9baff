/** The end of an Application whose finalizer asks for that of its objects. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { jobs } from "../../src/kube/kinds/job.ts";
import { hook, job, jobEnds, names, wave } from "./cluster-players.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const finalizers = ["resources-finalizer.argocd.argoproj.io"];
const annotated = (name: string, annotations: object, more: object = {}): object => ({
  ...configMap(name),
  metadata: { name, annotations, ...more },
});

async function create(): Promise<void> {
  const app = application({}, "app");
  await cluster.client.create(applications, { ...app, metadata: { ...app.metadata, finalizers } });
  await cluster.settle();
}
const isThere = async (): Promise<boolean> =>
  (await cluster.find(applications, "app")) !== undefined;
const message = async (): Promise<string | undefined> =>
  (await cluster.status()).operationState?.message;

test("PreDelete hooks, the objects, PostDelete hooks: each waits for the one before", async () => {
  await cluster.push([
    configMap("a"),
    job("backup", hook("PreDelete")),
    job("farewell", hook("PostDelete")),
  ]);
  await create();
  expect(await names(cluster, jobs)).toEqual([]);
  await cluster.delete(applications, "app");
  expect(await names(cluster, jobs)).toEqual(["backup"]);
  expect(await cluster.data("a")).toBeDefined();
  expect(await message()).toContain("PreDelete");
  await jobEnds(cluster, "backup", "Complete");
  expect(await cluster.data("a")).toBeUndefined();
  expect(await names(cluster, jobs)).toEqual(["farewell"]);
  expect(await isThere()).toBe(true);
  await jobEnds(cluster, "farewell", "Complete");
  expect(await isThere()).toBe(false);
  expect(await names(cluster, jobs)).toEqual([]);
});

test("a restart in between goes on, and runs no hook twice", async () => {
  await cluster.push([configMap("a"), job("backup", hook("PreDelete"))]);
  await create();
  await cluster.delete(applications, "app");
  const { uid } = (await cluster.find(jobs, "backup"))?.metadata ?? {};
  await cluster.stopOperator();
  await cluster.startOperator();
  await cluster.settle();
  expect((await cluster.find(jobs, "backup"))?.metadata.uid).toBe(uid);
  await jobEnds(cluster, "backup", "Complete");
  expect(await isThere()).toBe(false);
  expect(await cluster.data("a")).toBeUndefined();
});

test("a hook that fails holds up the deletion, and is made again", async () => {
  await cluster.push([configMap("a"), job("backup", hook("PreDelete"))]);
  await create();
  await cluster.delete(applications, "app");
  await jobEnds(cluster, "backup", "Failed", "disk full");
  expect(await message()).toContain("disk full");
  expect(await cluster.data("a")).toBeDefined();
  const failed = (await cluster.find(jobs, "backup"))?.metadata.uid;
  await cluster.pass(60_000);
  await cluster.pass(1_000);
  expect((await cluster.find(jobs, "backup"))?.metadata.uid).not.toBe(failed);
  await jobEnds(cluster, "backup", "Complete");
  expect(await isThere()).toBe(false);
});

test("the last wave goes first, one wave at a time", async () => {
  const held = { finalizers: ["test/hold"] };
  await cluster.push([configMap("low"), annotated("high", wave(2), held)]);
  await create();
  await cluster.delete(applications, "app");
  expect((await cluster.find(configMaps, "high"))?.metadata.deletionTimestamp).toBeDefined();
  expect((await cluster.find(configMaps, "low"))?.metadata.deletionTimestamp).toBeUndefined();
  expect(await message()).toContain("default/high");
  await cluster.meddle(configMaps, "high", { metadata: { finalizers: null } });
  await cluster.pass(5_000);
  expect(await cluster.data("low")).toBeUndefined();
  expect(await isThere()).toBe(false);
});

test("Delete=confirm: waits until somebody approves of it", async () => {
  const careful = { "argocd.argoproj.io/sync-options": "Delete=confirm" };
  await cluster.push([configMap("a"), annotated("careful", careful)]);
  await create();
  // Approved of long ago: of something else.
  await cluster.change({
    metadata: { annotations: { "argocd.argoproj.io/deletion-approved": "2020-01-01T00:00:00Z" } },
  });
  await cluster.delete(applications, "app");
  await cluster.pass(60_000);
  expect(await cluster.data("a")).toBeUndefined();
  expect(await cluster.data("careful")).toBeDefined();
  expect(await message()).toContain("confirms");
  const now = new Date(cluster.clock.now()).toISOString();
  await cluster.change({
    metadata: { annotations: { "argocd.argoproj.io/deletion-approved": now } },
  });
  await cluster.pass(10_000);
  expect(await cluster.data("careful")).toBeUndefined();
  expect(await isThere()).toBe(false);
});
