/** What users ask of a sync, by the words that Argo CD, Flux and others taught them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import type { JsonObject } from "../../src/kube/object.ts";
import { hook, job, pod, podReady, wave } from "./cluster-players.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const state = async () => (await cluster.status()).operationState;
const withOptions = (options: string, object: object): object => ({
  ...object,
  metadata: {
    ...(object as { metadata: object }).metadata,
    annotations: { "argocd.argoproj.io/sync-options": options },
  },
});
const bad = { ...configMap("bad"), data: { "not/a/key": "x" } };

describe("Transactional", () => {
  const policy = { syncPolicy: { mode: "Transactional", automated: { prune: true } } } as const;

  test("applies nothing when the API server would refuse anything", async () => {
    await cluster.push([configMap("good"), bad, { ...bad, metadata: { name: "bad-2" } }]);
    await cluster.createApplication(policy);
    expect(await cluster.data("good")).toBeUndefined();
    expect(await state()).toMatchObject({ phase: "Failed" });
    expect((await state())?.message).toMatch(/bad.*bad-2/);
  });

  test("applies all of it when it would take it, new namespaces included", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "new" } };
    const inside = { ...configMap("inside"), metadata: { name: "inside", namespace: "new" } };
    await cluster.push([namespace, inside, configMap("good")]);
    await cluster.createApplication(policy);
    expect(await cluster.find(configMaps, "inside", "new")).toBeDefined();
    expect(await state()).toMatchObject({ phase: "Succeeded" });
  });
});

describe("a selective sync", () => {
  test("touches only what it names, runs no hooks, and is no deployment", async () => {
    await cluster.push([configMap("a"), configMap("b"), job("migrate", hook("PreSync"))]);
    await cluster.createApplication({ syncPolicy: {} });
    await cluster.operate({ resources: [{ kind: "ConfigMap", name: "a" }] });
    expect(await cluster.data("a")).toBeDefined();
    expect(await cluster.data("b")).toBeUndefined();
    const { operationState, history, lastSynced, sync } = await cluster.status();
    expect(operationState).toMatchObject({ phase: "Succeeded", message: "applied 1 objects" });
    expect({ history: history ?? [], lastSynced }).toEqual({ history: [], lastSynced: undefined });
    expect(sync?.status).toBe("OutOfSync");
  });

  test("leaves automation to do the rest later", async () => {
    await cluster.push([
      configMap("a"),
      pod("slow"),
      { ...configMap("late"), metadata: { name: "late", annotations: wave(1) } },
    ]);
    await cluster.createApplication({ syncPolicy: {} });
    await cluster.operate({ resources: [{ kind: "ConfigMap", name: "a", namespace: "default" }] });
    await cluster.change({ spec: { syncPolicy: { automated: {} } } });
    await podReady(cluster, "slow");
    expect(await cluster.data("late")).toBeDefined();
  });
});

describe("Prune=confirm", () => {
  const careful = withOptions("Prune=confirm", configMap("careful"));

  test("waits for a request that confirms it", async () => {
    await cluster.push([configMap("a"), careful]);
    await cluster.createApplication();
    await cluster.push([configMap("a")]);
    await cluster.pass(60_000);
    expect(await cluster.data("careful")).toBeDefined();
    await cluster.operate({ prune: true });
    expect(await cluster.data("careful")).toBeDefined();
    await cluster.operate({ prune: true, confirm: true });
    expect(await cluster.data("careful")).toBeUndefined();
  });

  test("or for an approval that is newer than what it approves of", async () => {
    const approve = (): Promise<void> => {
      const now = new Date(cluster.clock.now() + 1_000).toISOString();
      const annotations = { "argocd.argoproj.io/deletion-approved": now };
      return cluster.change({ metadata: { annotations } });
    };
    await cluster.push([configMap("a"), careful, withOptions("Prune=confirm", configMap("more"))]);
    await cluster.createApplication();
    await approve();
    await cluster.pass(60_000);
    await cluster.push([configMap("a"), withOptions("Prune=confirm", configMap("more"))]);
    await cluster.pass(60_000);
    expect(await cluster.data("careful")).toBeDefined();
    await approve();
    await cluster.settle();
    expect(await cluster.data("careful")).toBeUndefined();
    await cluster.pass(60_000);
    await cluster.push([configMap("a")]);
    await cluster.pass(60_000);
    expect(await cluster.data("more")).toBeDefined();
  });
});

describe("Replace and Force", () => {
  test("Replace=true: what Git does not have is gone; the object stays the same one", async () => {
    await cluster.push([withOptions("Replace=true", configMap("a", { key: "1" }))]);
    await cluster.createApplication();
    const before = (await cluster.find(configMaps, "a"))?.metadata.uid;
    await cluster.meddle(configMaps, "a", { data: { theirs: "x" } });
    await cluster.push([withOptions("Replace=true", configMap("a", { key: "2" }))]);
    expect(await cluster.data("a")).toEqual({ key: "2" });
    expect((await cluster.find(configMaps, "a"))?.metadata.uid).toBe(before);
    expect((await cluster.status()).sync?.status).toBe("Synced");
  });

  test("an object that is replaced may take its time to go: nothing waits, then it is made again", async () => {
    const frozen = (value: string): object => ({
      ...withOptions("Force=true", {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "s", finalizers: ["test/hold"] },
        immutable: true,
        stringData: { value },
      }),
    });
    await cluster.push([frozen("one"), configMap("a", { n: "1" })]);
    await cluster.createApplication();
    const before = (await cluster.find(secrets, "s"))?.metadata.uid;
    await cluster.push([frozen("two"), configMap("a", { n: "2" })]);
    expect(await cluster.data("a")).toEqual({ n: "2" });
    expect(await state()).toMatchObject({
      phase: "Running",
      message: expect.stringContaining("until the old object is gone") as string,
    });
    await cluster.meddle(secrets, "s", { metadata: { finalizers: null } });
    const after = await cluster.find(secrets, "s");
    expect(after?.metadata.uid).not.toBe(before);
    expect(after?.data).toEqual({ value: Buffer.from("two").toString("base64") });
    expect(await state()).toMatchObject({ phase: "Succeeded" });
  });

  test("a requested sync may force what the policy does not", async () => {
    await cluster.push([
      pod("p", {}, { containers: [{ name: "main", image: "one" }], hostname: "a" }),
    ]);
    await cluster.createApplication({ syncPolicy: { automated: {}, retry: { limit: 0 } } });
    await cluster.push([
      pod("p", {}, { containers: [{ name: "main", image: "one" }], hostname: "b" }),
    ]);
    expect(await state()).toMatchObject({ phase: "Failed" });
    await cluster.operate({ force: true });
    expect((await cluster.find(pods, "p"))?.spec?.hostname).toBe("b");
  });
});

describe("objects that others applied before", () => {
  test.each(["kubectl-client-side-apply", "argocd-controller", "helm"])(
    "what %s set and Git does not have goes when they are adopted",
    async (fieldManager) => {
      await cluster.client.create(
        configMaps,
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "a", namespace: "default" },
          data: { key: "old", removed: "in Git" },
        },
        { fieldManager },
      );
      const body: JsonObject = { data: { scaled: "by somebody else" } };
      const key = { namespace: "default", name: "a" };
      await cluster.client.patch(
        configMaps,
        key,
        { type: "merge", body },
        { fieldManager: "autoscaler" },
      );
      await cluster.push([configMap("a")]);
      await cluster.createApplication();
      expect(await cluster.data("a")).toEqual({ key: "value", scaled: "by somebody else" });
      expect(await cluster.events("DriftDetected")).toEqual([]);
      await cluster.push([{ ...configMap("a"), data: { other: "1" } }]);
      expect(await cluster.data("a")).toEqual({ other: "1", scaled: "by somebody else" });
    },
  );

  test("ClientSideApplyMigration=false leaves them", async () => {
    await cluster.client.create(
      configMaps,
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "a", namespace: "default" },
        data: { theirs: "1" },
      },
      { fieldManager: "kubectl-client-side-apply" },
    );
    await cluster.push([withOptions("ClientSideApplyMigration=false", configMap("a"))]);
    await cluster.createApplication();
    expect(await cluster.data("a")).toEqual({ key: "value", theirs: "1" });
  });
});

test("CreateNamespace with metadata: made, kept up to date, shared, never taken away", async () => {
  const managed = (team: string) => ({
    automated: { selfHeal: true },
    syncOptions: ["CreateNamespace=true"],
    managedNamespaceMetadata: { labels: { team } },
  });
  await cluster.push([configMap("a")]);
  await cluster.createApplication({
    destination: { namespace: "apps" },
    syncPolicy: managed("red"),
  });
  expect(await cluster.find(configMaps, "a", "apps")).toBeDefined();
  expect((await cluster.find(namespaces, "apps"))?.metadata.labels).toMatchObject({ team: "red" });
  await cluster.change({ spec: { syncPolicy: managed("blue") } });
  expect((await cluster.find(namespaces, "apps"))?.metadata.labels).toMatchObject({ team: "blue" });
  expect((await cluster.status()).sync?.status).toBe("Synced");
  const { revision } = cluster.store;
  await cluster.pass(600_000);
  expect(cluster.store.revision).toBe(revision);
});

test("SkipDryRunOnMissingResource: the sync goes on as soon as the kind is there", async () => {
  const widget = withOptions("SkipDryRunOnMissingResource=true", {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
  });
  await cluster.push([
    configMap("a"),
    widget,
    { ...configMap("late"), metadata: { name: "late", annotations: wave(1) } },
  ]);
  await cluster.createApplication();
  expect(await cluster.data("a")).toBeDefined();
  expect(await cluster.data("late")).toBeUndefined();
  expect(await state()).toMatchObject({
    phase: "Running",
    message: expect.stringContaining("serves no kind Widget") as string,
  });
});
