import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";
import { unreachable } from "./fake-repository.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const version = (n: number): object => configMap("a", { version: String(n) });
const current = async (): Promise<string | undefined> => (await cluster.data("a"))?.["version"];

describe("a rollback", () => {
  test("holds, automation or not, until there is a newer commit", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    const second = await cluster.push([version(2)]);
    await cluster.operate({ revision: first });
    expect(await current()).toBe("1");
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced", revision: first },
      rollback: { revision: first, insteadOf: second },
      history: [{ revision: first }, { revision: second }, { revision: first, initiatedBy: "ada" }],
    });
    await cluster.pass(600_000);
    expect(await current()).toBe("1");
    await cluster.push([version(3)]);
    expect(await current()).toBe("3");
    expect((await cluster.status()).rollback).toBeUndefined();
  });

  test("drift is healed to the revision that it holds", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    await cluster.push([version(2)]);
    await cluster.operate({ revision: first });
    await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
    expect(await current()).toBe("1");
  });

  test("it outlives a restart of the operator", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    await cluster.push([version(2)]);
    await cluster.operate({ revision: first });
    await cluster.stopOperator();
    await cluster.startOperator();
    await cluster.settle();
    expect(await current()).toBe("1");
    expect((await cluster.status()).rollback).toMatchObject({ revision: first });
  });

  test("a plain sync ends it", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    await cluster.push([version(2)]);
    await cluster.operate({ revision: first });
    await cluster.operate({});
    expect(await current()).toBe("2");
    expect((await cluster.status()).rollback).toBeUndefined();
  });

  test("to a revision that does not exist is refused, and nothing else changes", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication();
    const before = await cluster.status();
    await cluster.operate({ revision: "f".repeat(40) });
    const { operation, status } = await cluster.application();
    expect(operation).toBeUndefined();
    expect(status?.operationState).toMatchObject({
      phase: "Error",
      message: expect.stringContaining("there is no revision fff") as string,
      initiatedBy: "ada",
    });
    expect(status?.sync).toEqual(before.sync);
    expect(status?.conditions).toEqual([]);
  });
});

describe("a sync on request", () => {
  test("prunes when asked to, although the policy does not", async () => {
    await cluster.push([version(1), configMap("gone")]);
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.push([version(2)]);
    expect(await cluster.data("gone")).toBeDefined();
    expect((await cluster.status()).sync?.status).toBe("OutOfSync");
    await cluster.operate({ prune: true });
    expect(await cluster.data("gone")).toBeUndefined();
    expect((await cluster.status()).operationState?.syncResult?.resources).toMatchObject([
      { kind: "ConfigMap", name: "gone", status: "Pruned" },
    ]);
  });

  test("heals what automation leaves alone", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
    await cluster.operate({});
    expect(await current()).toBe("1");
  });

  test("asks the repository anew", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication();
    cluster.repository.push([version(2)]);
    await cluster.operate({});
    expect(await current()).toBe("2");
  });

  test("is refused while the manifests have errors", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication();
    const errors = ["all.yaml:3:1: bad indentation"];
    const second = await cluster.push([], { errors });
    await cluster.operate({});
    expect((await cluster.status()).operationState).toMatchObject({
      phase: "Failed",
      message: errors[0],
      syncResult: { revision: second },
    });
    expect(await current()).toBe("1");
  });

  test("is refused while the repository cannot be read", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication();
    cluster.repository.failure = unreachable();
    await cluster.operate({});
    expect((await cluster.status()).operationState).toMatchObject({
      phase: "Error",
      message: expect.stringContaining("the host does not answer") as string,
    });
  });

  test("one that comes while another is carried out is not lost", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    const second = await cluster.push([version(2)]);
    await cluster.push([version(3)]);
    const wanted = [first, second].map((revision) => cluster.operate({ revision }));
    await Promise.all(wanted);
    await cluster.settle();
    expect(await current()).toBe("2");
    expect((await cluster.application()).operation).toBeUndefined();
  });
});

describe("a dry run", () => {
  test("writes nothing but what it found", async () => {
    await cluster.push([version(1), configMap("gone")]);
    await cluster.createApplication({ syncPolicy: {} });
    await cluster.operate({});
    await cluster.push([version(2), configMap("new")]);
    const before = await cluster.status();
    await cluster.operate({ dryRun: true, prune: true });
    expect(await current()).toBe("1");
    expect(await cluster.data("new")).toBeUndefined();
    expect(await cluster.data("gone")).toBeDefined();
    const { operationState, observedGeneration: _new, ...after } = await cluster.status();
    expect(operationState).toMatchObject({
      phase: "Succeeded",
      message: "dry run: 3 objects would change",
      syncResult: {
        resources: [
          { name: "a", message: "would be configured" },
          { name: "new", message: "would be created" },
          { name: "gone", message: "would be pruned" },
        ],
      },
    });
    const { operationState: _earlier, observedGeneration: _old, ...rest } = before;
    expect({ ...after, reconciledAt: "" }).toEqual({ ...rest, reconciledAt: "" });
  });

  test("finds what the server would refuse", async () => {
    await cluster.push([{ ...configMap("bad"), data: { "not/a/key": "x" } }]);
    await cluster.createApplication({ syncPolicy: {} });
    await cluster.operate({ dryRun: true });
    expect((await cluster.status()).operationState).toMatchObject({ phase: "Failed" });
  });

  test("of an older revision does not become a rollback, and does not count as a sync", async () => {
    const first = await cluster.push([version(1)]);
    await cluster.createApplication();
    await cluster.push([version(2)]);
    await cluster.operate({ revision: first, dryRun: true });
    await cluster.pass(60_000);
    expect(await current()).toBe("2");
    expect((await cluster.status()).rollback).toBeUndefined();
    await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
    expect(await current()).toBe("2");
  });
});

describe("suspend", () => {
  test("holds commits and drift until it is lifted", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication();
    await cluster.change({ spec: { suspend: true } });
    await cluster.push([version(2)]);
    await cluster.delete(configMaps, "a");
    expect(await current()).toBeUndefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "OutOfSync" },
      health: { status: "Missing" },
      conditions: [{ type: "Suspended", status: "True" }],
    });
    await cluster.change({ spec: { suspend: null } });
    expect(await current()).toBe("2");
    expect((await cluster.status()).conditions).toEqual([]);
  });

  test("a sync on request goes ahead", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication({ suspend: true });
    expect(await current()).toBeUndefined();
    await cluster.operate({});
    expect(await current()).toBe("1");
  });
});

test("what the operator writes leaves labels and annotations alone", async () => {
  await cluster.push([version(1)]);
  await cluster.createApplication();
  const labels = { team: "web" };
  await cluster.change({ metadata: { labels, annotations: { note: "ours" } } });
  await cluster.push([version(2)]);
  expect((await cluster.application()).metadata).toMatchObject({
    labels,
    annotations: { note: "ours" },
  });
});
