/** Broken commits, unreachable repositories and refused objects: the last good state stays. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { configMap, OperatedCluster, POLL_INTERVAL_MS } from "./operated-cluster.ts";
import { unreachable } from "./fake-repository.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const BROKEN = ["web/all.yaml:3:1: bad indentation. Indent with spaces"];

describe("a commit with invalid manifests", () => {
  test("changes nothing, and the status says where it is broken", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication();
    const broken = await cluster.push([configMap("a", { key: "new" })], { errors: BROKEN });
    expect(await cluster.data("a")).toEqual({ key: "value" });
    expect(await cluster.data("b")).toBeDefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Unknown", revision: broken },
      health: { status: "Healthy" },
      resources: [{ name: "a" }, { name: "b" }],
      conditions: [{ type: "InvalidManifests", status: "True", message: BROKEN[0] }],
      history: [{ id: 1 }],
    });
    expect((await cluster.events("InvalidManifests")).map(({ message }) => message)).toEqual(
      BROKEN,
    );
  });

  test("leaves drift of the last good one to be healed", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.push([], { errors: BROKEN });
    await cluster.delete(configMaps, "a");
    expect(await cluster.data("a")).toEqual({ key: "value" });
  });

  test("even after a restart", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.push([], { errors: BROKEN });
    await cluster.stopOperator();
    await cluster.delete(configMaps, "a");
    await cluster.startOperator();
    await cluster.settle();
    expect(await cluster.data("a")).toEqual({ key: "value" });
    expect(await cluster.status()).toMatchObject({ sync: { status: "Unknown" } });
    expect(await cluster.events("InvalidManifests")).toHaveLength(1);
  });

  test("is forgotten with the next good one", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.push([], { errors: BROKEN });
    const fixed = await cluster.push([configMap("a", { key: "fixed" })]);
    expect(await cluster.data("a")).toEqual({ key: "fixed" });
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced", revision: fixed },
      conditions: [],
    });
  });

  test("as the first one ever is only reported", async () => {
    const broken = await cluster.push([configMap("a")], { errors: BROKEN });
    await cluster.createApplication();
    expect(await cluster.data("a")).toBeUndefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Unknown", revision: broken },
      conditions: [{ type: "InvalidManifests" }],
    });
  });

  test("warnings do not hold anything up, but show", async () => {
    const warnings = ["all.yaml:3:1: extensions/v1beta1 is deprecated"];
    await cluster.push([configMap("a")], { warnings });
    await cluster.createApplication();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced" },
      conditions: [{ type: "ManifestWarning", message: warnings[0] }],
    });
  });
});

describe("a repository that cannot be read", () => {
  test("keeps the last good state, is asked less and less often, and recovers", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    cluster.repository.failure = unreachable();
    await cluster.push([configMap("a", { key: "new" })]);
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Unknown" },
      health: { status: "Healthy" },
      resources: [{ name: "a", status: "Synced" }],
      conditions: [{ type: "ComparisonError", reason: "Unreachable" }],
    });
    const asked = cluster.repository.requests.length;
    await cluster.pass(60_000);
    // After 2, 6, 14, 30 and 62 seconds.
    expect(cluster.repository.requests.length - asked).toBe(4);
    expect(await cluster.events("Unreachable")).toHaveLength(1);
    cluster.repository.failure = undefined;
    await cluster.pass(35_000);
    expect(await cluster.data("a")).toEqual({ key: "new" });
    expect(await cluster.status()).toMatchObject({ sync: { status: "Synced" }, conditions: [] });
  });

  test("drift is healed meanwhile, without asking it each time", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    cluster.repository.failure = unreachable();
    cluster.operator?.refresh(["default/app"]);
    await cluster.settle();
    const asked = cluster.repository.requests.length;
    await cluster.delete(configMaps, "a");
    expect(await cluster.data("a")).toEqual({ key: "value" });
    expect(cluster.repository.requests.length).toBe(asked);
  });

  test("a push that is announced is looked for at once", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    cluster.repository.failure = unreachable();
    cluster.operator?.refresh(["default/app"]);
    await cluster.pass(30_000);
    cluster.repository.failure = undefined;
    await cluster.push([configMap("a", { key: "new" })]);
    expect(await cluster.data("a")).toEqual({ key: "new" });
  });

  test("a push that is announced while it is asked in vain is looked for at once", async () => {
    const { repository } = cluster;
    repository.failure = unreachable();
    repository.meanwhile = () => {
      repository.failure = undefined;
      repository.push([configMap("a")]);
      cluster.operator?.refresh(["default/app"]);
    };
    await cluster.createApplication();
    expect(await cluster.data("a")).toEqual({ key: "value" });
  });

  test("from the start, is only reported", async () => {
    cluster.repository.failure = unreachable();
    await cluster.createApplication();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Unknown" },
      conditions: [
        { type: "ComparisonError", message: expect.stringContaining("example.com") as string },
      ],
    });
  });
});

test("a request for a cluster that is not known is refused, not left waiting", async () => {
  await cluster.push([configMap("a")]);
  await cluster.createApplication({ destination: { name: "production" } });
  await cluster.operate({});
  expect(await cluster.data("a")).toBeUndefined();
  expect((await cluster.status()).operationState?.phase).toBe("Error");
  await cluster.change({ spec: { destination: { name: "in-cluster" } } });
  expect(await cluster.data("a")).toBeDefined();
  expect((await cluster.status()).conditions).toEqual([]);
});

test("a repository that does not announce changes is polled", async () => {
  cluster.repository.watched = false;
  await cluster.push([configMap("a")]);
  await cluster.createApplication();
  cluster.repository.push([configMap("a", { key: "new" })]);
  await cluster.pass(POLL_INTERVAL_MS - 10_000);
  expect(await cluster.data("a")).toEqual({ key: "value" });
  await cluster.pass(20_000);
  expect(await cluster.data("a")).toEqual({ key: "new" });
});

describe("a sync that fails", () => {
  const bad = (key = "x"): object => ({ ...configMap("bad"), data: { "not/a/key": key } });
  const attempts = async (): Promise<number | undefined> =>
    (await cluster.status()).operationState?.retryCount;

  test("is tried again after 5, 10, 20, … seconds, five times", async () => {
    await cluster.push([bad()]);
    await cluster.createApplication();
    expect((await cluster.status()).operationState?.message).toContain("trying again in 5 s");
    await cluster.pass(5_100);
    expect(await attempts()).toBe(1);
    await cluster.pass(9_000);
    expect(await attempts()).toBe(1);
    await cluster.pass(1_000);
    expect(await attempts()).toBe(2);
    await cluster.pass(3_600_000);
    expect(await attempts()).toBe(5);
    expect(await cluster.status()).toMatchObject({
      sync: { status: "OutOfSync" },
      operationState: { message: expect.stringContaining("gave up after 6 attempts") as string },
      conditions: [{ type: "SyncError" }],
    });
  });

  test("its limit and pauses can be set", async () => {
    await cluster.push([bad()]);
    const backoff = { duration: "1s", factor: 3, maxDuration: "2s" };
    await cluster.createApplication({
      syncPolicy: { automated: {}, retry: { limit: 2, backoff } },
    });
    await cluster.pass(1_050);
    expect(await attempts()).toBe(1);
    await cluster.pass(2_050);
    expect(await attempts()).toBe(2);
    await cluster.pass(600_000);
    expect(await attempts()).toBe(2);
  });

  test("a new commit does not wait for its retries", async () => {
    await cluster.push([bad()]);
    await cluster.createApplication();
    await cluster.pass(20_000);
    await cluster.push([configMap("good")]);
    expect(await cluster.data("good")).toBeDefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced" },
      operationState: { phase: "Succeeded" },
      conditions: [],
    });
    expect(await attempts()).toBeUndefined();
  });

  test("a commit elsewhere in the repository gives it another chance", async () => {
    await cluster.push([bad()], { id: "same" });
    await cluster.createApplication({ syncPolicy: { automated: {}, retry: { limit: 0 } } });
    await cluster.pass(60_000);
    const second = await cluster.push([bad()], { id: "same" });
    expect((await cluster.status()).operationState?.syncResult?.revision).toBe(second);
  });

  test("prunes nothing: what failed may be the replacement", async () => {
    await cluster.push([configMap("old")]);
    await cluster.createApplication();
    await cluster.push([bad()]);
    expect(await cluster.data("old")).toBeDefined();
    const { resources, operationState } = await cluster.status();
    expect(resources?.find(({ name }) => name === "old")).toMatchObject({ requiresPruning: true });
    expect(operationState?.syncResult?.resources?.find(({ name }) => name === "old")).toMatchObject(
      { status: "PruneSkipped", message: "not pruned while other objects of this sync fail" },
    );
    await cluster.push([configMap("good")]);
    expect(await cluster.data("old")).toBeUndefined();
  });

  test("on request only, it is not tried again by itself", async () => {
    await cluster.push([bad()]);
    await cluster.createApplication({ syncPolicy: {} });
    await cluster.operate({});
    expect((await cluster.status()).operationState).toMatchObject({ phase: "Failed" });
    await cluster.pass(600_000);
    expect(await attempts()).toBeUndefined();
  });

  test("a restart does not start its attempts over", async () => {
    await cluster.push([bad()]);
    await cluster.createApplication({ syncPolicy: { automated: {}, retry: { limit: 1 } } });
    await cluster.pass(60_000);
    expect(await attempts()).toBe(1);
    const before = (await cluster.status()).operationState;
    await cluster.stopOperator();
    await cluster.startOperator();
    await cluster.pass(60_000);
    expect((await cluster.status()).operationState).toEqual(before);
  });
});
