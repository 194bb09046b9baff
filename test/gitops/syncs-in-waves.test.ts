/** Waves: the order of a sync, with health between them, and nothing that could get stuck in it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { pod, podEnds, podReady, wave } from "./cluster-players.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const inWave = (name: string, number: number, more: object = {}): object => ({
  ...configMap(name),
  metadata: { name, annotations: { ...wave(number), ...more } },
});
const state = async () => (await cluster.status()).operationState;

test("a wave begins when those before it are healthy, noticed by watch", async () => {
  await cluster.push([pod("first", wave(-1)), configMap("second"), inWave("third", 5)]);
  await cluster.createApplication();
  expect(await cluster.data("second")).toBeUndefined();
  expect(await state()).toMatchObject({
    phase: "Running",
    message: expect.stringMatching(/Sync, wave -1: waits for Pod default\/first/) as string,
  });
  expect((await cluster.status()).lastSynced).toBeUndefined();
  await podReady(cluster, "first");
  expect(await cluster.data("second")).toBeDefined();
  expect(await cluster.data("third")).toBeDefined();
  expect(await state()).toMatchObject({ phase: "Succeeded", message: "applied 3 objects" });
  expect((await cluster.status()).history).toHaveLength(1);
});

test("the last wave is not waited for", async () => {
  await cluster.push([configMap("a"), pod("last", wave(1))]);
  await cluster.createApplication();
  expect(await state()).toMatchObject({ phase: "Succeeded" });
  expect((await cluster.status()).health?.status).toBe("Progressing");
});

test("a new commit supersedes a sync that is stuck", async () => {
  await cluster.push([pod("stuck"), inWave("later", 1)]);
  await cluster.createApplication();
  expect(await state()).toMatchObject({ phase: "Running" });
  const fixed = await cluster.push([inWave("later", 1), configMap("fix")]);
  expect(await cluster.data("later")).toBeDefined();
  expect(await cluster.data("fix")).toBeDefined();
  expect(await cluster.find(pods, "stuck")).toBeUndefined();
  expect(await state()).toMatchObject({ phase: "Succeeded", syncResult: { revision: fixed } });
});

test("so does a changed spec", async () => {
  await cluster.push([pod("stuck"), inWave("later", 1)]);
  await cluster.createApplication();
  await cluster.change({ spec: { suspend: true } });
  expect(await state()).toMatchObject({ phase: "Failed" });
  await podReady(cluster, "stuck");
  expect(await cluster.data("later")).toBeUndefined();
});

test("what fails in a wave keeps the next from beginning, and is tried again", async () => {
  await cluster.push([pod("first"), inWave("later", 1)]);
  await cluster.createApplication({
    syncPolicy: { automated: {}, retry: { limit: 3, backoff: { duration: "10s" } } },
  });
  await podEnds(cluster, "first", "Failed", "out of luck");
  expect(await state()).toMatchObject({
    phase: "Failed",
    message: expect.stringMatching(/Pod default\/first: is Degraded: out of luck/) as string,
  });
  expect(await cluster.data("later")).toBeUndefined();
  await cluster.delete(pods, "first");
  await cluster.pass(10_000);
  await podReady(cluster, "first");
  expect(await cluster.data("later")).toBeDefined();
  expect(await state()).toMatchObject({ phase: "Succeeded" });
});

test("everything in a wave is tried, and all errors are told", async () => {
  const bad = (name: string): object => ({ ...configMap(name), data: { "not/a/key": "x" } });
  await cluster.push([bad("bad-1"), bad("bad-2"), configMap("good"), inWave("later", 1)]);
  await cluster.createApplication();
  expect(await cluster.data("good")).toBeDefined();
  expect(await cluster.data("later")).toBeUndefined();
  const message = (await state())?.message;
  expect(message).toContain("bad-1");
  expect(message).toContain("bad-2");
});

test("what somebody deletes midway is an error, not an endless wait", async () => {
  await cluster.push([pod("first"), inWave("later", 1)]);
  await cluster.createApplication({ syncPolicy: { automated: {}, retry: { limit: 0 } } });
  await cluster.delete(pods, "first");
  expect(await state()).toMatchObject({
    phase: "Failed",
    message: expect.stringMatching(
      /deleted while the sync was under way|somebody else is deleting/,
    ) as string,
  });
});

test("somebody who fights for an object is not fought back within a sync", async () => {
  await cluster.push([configMap("contested"), pod("slow"), inWave("later", 1)]);
  await cluster.createApplication();
  for (let round = 0; round < 5; round++)
    await cluster.meddle(configMaps, "contested", { data: { key: `theirs ${round}` } });
  expect(await cluster.data("contested")).toEqual({ key: "theirs 4" });
  await podReady(cluster, "slow");
  expect(await cluster.data("later")).toBeDefined();
  await cluster.pass(60_000);
  expect(await cluster.data("contested")).toEqual({ key: "value" });
});

test("no deadlock by an Ingress that nobody gives an address", async () => {
  const backend = { service: { name: "web", port: { number: 80 } } };
  const ingress = {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "web" },
    spec: { defaultBackend: backend },
  };
  await cluster.push([ingress, inWave("later", 1)]);
  await cluster.createApplication();
  expect(await cluster.data("later")).toBeDefined();
});

test("a sync has no longer than its timeout, and says what it waited for", async () => {
  await cluster.push([pod("slow"), inWave("later", 1)]);
  await cluster.createApplication({
    syncPolicy: { automated: {}, timeout: "2m", retry: { limit: 0 } },
  });
  await cluster.pass(119_000);
  expect(await state()).toMatchObject({ phase: "Running" });
  await cluster.pass(2_000);
  expect(await state()).toMatchObject({
    phase: "Failed",
    message: expect.stringMatching(/Pod default\/slow: was not ready within .* 2m/) as string,
  });
});

describe("pruning", () => {
  const finalizers = ["test/hold"];
  const held = (name: string, number: number): object => ({
    ...configMap(name),
    metadata: { name, finalizers, annotations: wave(number) },
  });
  const isGoing = async (name: string): Promise<boolean> =>
    (await cluster.find(configMaps, name))?.metadata.deletionTimestamp !== undefined;

  test("goes through the waves backwards", async () => {
    await cluster.push([configMap("a"), held("low", 0), held("high", 3)]);
    await cluster.createApplication();
    await cluster.push([configMap("a")]);
    expect(await isGoing("high")).toBe(true);
    expect(await isGoing("low")).toBe(false);
    await cluster.meddle(configMaps, "high", { metadata: { finalizers: null } });
    expect(await isGoing("low")).toBe(true);
    expect(await state()).toMatchObject({ phase: "Succeeded" });
  });

  test("PruneLast: after everything else is applied and healthy", async () => {
    await cluster.push([configMap("old")]);
    await cluster.createApplication({
      syncPolicy: { automated: { prune: true }, syncOptions: ["PruneLast=true"] },
    });
    await cluster.push([pod("new")]);
    expect(await cluster.data("old")).toBeDefined();
    await podReady(cluster, "new");
    expect(await cluster.data("old")).toBeUndefined();
  });
});

test("namespaces and definitions come before what needs them, whatever wave they say", async () => {
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "late", annotations: wave(9) },
  };
  const inside = { ...configMap("inside"), metadata: { name: "inside", namespace: "late" } };
  await cluster.push([namespace, inside]);
  await cluster.createApplication();
  expect(await cluster.find(configMaps, "inside", "late")).toBeDefined();
  expect(await state()).toMatchObject({ phase: "Succeeded" });
});
