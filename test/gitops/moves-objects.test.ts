/** An object moves from one Application to another without being deleted, whoever looks first. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type {
  ApplicationManifests,
  ManifestRequest,
  ManifestSource,
} from "../../src/gitops/application-manifests.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { FakeRepository, unreachable } from "./fake-repository.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

/** One repository in which each Application has a folder of its own. */
class Monorepo implements ManifestSource {
  readonly #folders = new Map<string, FakeRepository>();
  readonly watched = true;

  folder(name: string): FakeRepository {
    const folder = this.#folders.get(name) ?? new FakeRepository();
    this.#folders.set(name, folder);
    return folder;
  }
  manifestsOf(app: Application, request: ManifestRequest): Promise<ApplicationManifests> {
    return this.folder(app.metadata.name).manifestsOf(app, request);
  }
  commitIn(app: Application, revision: string, signal: AbortSignal): Promise<string> {
    return this.folder(app.metadata.name)
      .manifestsOf(app, { revision, signal })
      .then(({ commit }) => commit.id);
  }
  isWatched(): boolean {
    return this.watched;
  }
  forget(): Promise<void> {
    return Promise.resolve();
  }
}

let cluster: OperatedCluster;
let repository: Monorepo;
beforeEach(async () => {
  repository = new Monorepo();
  cluster = await OperatedCluster.start({ manifests: repository });
});
afterEach(() => cluster.stop());

const uid = async (name: string): Promise<string | undefined> =>
  (await cluster.find(configMaps, name))?.metadata.uid;
const owner = async (name: string): Promise<string | undefined> =>
  (await cluster.find(configMaps, name))?.metadata.labels?.["gantry.dev/application"];

async function start(): Promise<void> {
  repository.folder("a").push([configMap("moving"), configMap("of-a")]);
  repository.folder("b").push([configMap("of-b")]);
  await cluster.createApplication({}, "a");
  await cluster.createApplication({}, "b");
}
function move(): void {
  repository.folder("a").push([configMap("of-a")]);
  repository.folder("b").push([configMap("of-b"), configMap("moving", { key: "by b" })]);
}
async function expectMoved(before: string | undefined): Promise<void> {
  expect(before).toBeDefined();
  expect(await uid("moving")).toBe(before);
  expect(await owner("moving")).toBe("default.b");
  expect(await cluster.data("moving")).toEqual({ key: "by b" });
  for (const app of ["a", "b"])
    expect(await cluster.status(app)).toMatchObject({
      sync: { status: "Synced" },
      operationState: { phase: "Succeeded" },
    });
}

describe("by one commit", () => {
  test.each([
    ["the old owner looks first", ["default/a", "default/b"]],
    ["the new owner looks first", ["default/b", "default/a"]],
  ])("%s", async (_name, order) => {
    await start();
    const before = await uid("moving");
    move();
    cluster.operator?.refresh(order);
    await cluster.settle();
    await cluster.pass(30_000);
    await expectMoved(before);
  });

  test.each([
    ["default/a", "default/b"],
    ["default/b", "default/a"],
  ])("%s looks long before the other hears of it", async (first, second) => {
    await start();
    const before = await uid("moving");
    move();
    // As a repository that is polled: the other one does not know that there is something new.
    (repository as { watched: boolean }).watched = false;
    cluster.operator?.refresh([first]);
    await cluster.settle();
    expect(await uid("moving")).toBe(before);
    cluster.operator?.refresh([second]);
    await cluster.pass(30_000);
    await expectMoved(before);
  });

  test("the operator is down meanwhile", async () => {
    await start();
    const before = await uid("moving");
    await cluster.stopOperator();
    move();
    await cluster.startOperator({ manifests: repository });
    await cluster.settle();
    await cluster.pass(30_000);
    await expectMoved(before);
  });
});

test("what nobody takes is pruned", async () => {
  await start();
  repository.folder("a").push([configMap("of-a")]);
  cluster.operator?.refresh(["default/a"]);
  await cluster.settle();
  expect(await uid("moving")).toBeUndefined();
});

test("while both want it the second is refused, with both named, and nothing goes round in circles", async () => {
  await start();
  const before = await cluster.find(configMaps, "moving");
  repository.folder("b").push([configMap("of-b"), configMap("moving", { key: "by b" })]);
  cluster.operator?.refresh(["default/b"]);
  await cluster.settle();
  await cluster.pass(600_000);
  const { revision } = cluster.store;
  await cluster.pass(600_000);
  expect(cluster.store.revision).toBe(revision);
  const live = await cluster.find(configMaps, "moving");
  expect(live?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  expect((await cluster.status("b")).operationState?.message).toContain(
    "belongs to Application default/a, and default/b wants it, too",
  );
  // As soon as the first lets go, the second has it.
  repository.folder("a").push([configMap("of-a")]);
  cluster.operator?.refresh(["default/a"]);
  await cluster.pass(400_000);
  expect(await owner("moving")).toBe("default.b");
  expect((await cluster.find(configMaps, "moving"))?.metadata.uid).toBe(before?.metadata.uid);
});

test("nothing is pruned while another Application of the repository has errors at that commit", async () => {
  await start();
  const before = await uid("moving");
  repository.folder("a").push([configMap("of-a")]);
  repository.folder("b").push([], { errors: ["b.yaml:1:1: broken"] });
  cluster.operator?.refresh(["default/a", "default/b"]);
  await cluster.settle();
  expect(await uid("moving")).toBe(before);
  expect((await cluster.status("a")).operationState).toMatchObject({
    phase: "Running",
    message: expect.stringContaining("Application default/b") as string,
  });
  repository.folder("b").push([configMap("of-b"), configMap("moving", { key: "by b" })]);
  cluster.operator?.refresh(["default/b"]);
  await cluster.settle();
  await cluster.pass(30_000);
  await expectMoved(before);
});

test("one whose repository cannot be reached is not waited for forever", async () => {
  await start();
  repository.folder("b").failure = unreachable();
  repository.folder("a").push([configMap("of-a")]);
  (repository as { watched: boolean }).watched = false;
  cluster.operator?.refresh(["default/a", "default/b"]);
  await cluster.settle();
  expect(await uid("moving")).toBeDefined();
  await cluster.pass(61_000);
  await cluster.pass(1_000);
  expect(await uid("moving")).toBeUndefined();
});

test("an object of an Application that is gone is adopted", async () => {
  await start();
  const before = await uid("moving");
  await cluster.delete(applications, "a");
  repository.folder("b").push([configMap("of-b"), configMap("moving", { key: "by b" })]);
  cluster.operator?.refresh(["default/b"]);
  await cluster.settle();
  expect(await owner("moving")).toBe("default.b");
  expect(await uid("moving")).toBe(before);
});

test("an Application that is renamed takes its objects along, deletion included", async () => {
  repository.folder("a").push([configMap("moving")]);
  const app = application({}, "a");
  const finalizers = ["resources-finalizer.argocd.argoproj.io"];
  await cluster.client.create(applications, { ...app, metadata: { ...app.metadata, finalizers } });
  await cluster.settle();
  const before = await uid("moving");
  repository.folder("b").push([configMap("moving", { key: "by b" })]);
  // As an app of apps does it: what is new is applied, then what is gone is pruned.
  await cluster.client.create(applications, application({}, "b"));
  await cluster.client.delete(applications, { namespace: "default", name: "a" });
  await cluster.settle();
  await cluster.pass(30_000);
  expect(await cluster.find(applications, "a")).toBeUndefined();
  expect(await uid("moving")).toBe(before);
  expect(await owner("moving")).toBe("default.b");
});
