import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { deployments } from "../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

describe("a new Application", () => {
  test("is synced: objects, status, history and an Event", async () => {
    const revision = await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication();
    expect(await cluster.data("a")).toEqual({ key: "value" });
    const status = await cluster.status();
    expect(status).toMatchObject({
      sync: { status: "Synced", revision },
      health: { status: "Healthy" },
      resources: [
        { kind: "ConfigMap", name: "a", namespace: "default", status: "Synced" },
        { kind: "ConfigMap", name: "b", namespace: "default", status: "Synced" },
      ],
      history: [{ id: 1, revision, author: "Ada", message: "commit 1" }],
      operationState: { phase: "Succeeded", syncResult: { revision } },
      lastSynced: { revision },
      observedGeneration: 1,
    });
    expect(status.conditions).toEqual([]);
    const synced = await cluster.events("Synced");
    expect(synced.map((event) => event.message)).toEqual([
      "synced to 000100000000: 2 created, 0 changed, 0 replaced, 0 pruned",
    ]);
  });

  test("that is not automated shows what is missing and waits for a request", async () => {
    const revision = await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: {} });
    expect(await cluster.data("a")).toBeUndefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "OutOfSync", revision },
      health: { status: "Missing", message: "ConfigMap/a: it does not exist" },
    });
    await cluster.operate({});
    expect(await cluster.data("a")).toEqual({ key: "value" });
    const { operation, status } = await cluster.application();
    expect(operation).toBeUndefined();
    expect(status).toMatchObject({
      sync: { status: "Synced" },
      operationState: { phase: "Succeeded", initiatedBy: "ada" },
      history: [{ initiatedBy: "ada" }],
    });
  });

  test("with automated.enabled: false is not synced by itself", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: { automated: { enabled: false } } });
    expect(await cluster.data("a")).toBeUndefined();
  });
});

describe("a new commit", () => {
  test("changes what it changes and prunes what it no longer has", async () => {
    await cluster.push([configMap("a"), configMap("gone")]);
    await cluster.createApplication();
    const second = await cluster.push([configMap("a", { key: "new" })]);
    expect(await cluster.data("a")).toEqual({ key: "new" });
    expect(await cluster.data("gone")).toBeUndefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced", revision: second },
      resources: [{ name: "a" }],
      history: [{ id: 1 }, { id: 2, revision: second }],
    });
  });

  test("removes a field that the manifest no longer has", async () => {
    await cluster.push([configMap("a", { one: "1", two: "2" })]);
    await cluster.createApplication();
    await cluster.push([configMap("a", { one: "1" })]);
    expect(await cluster.data("a")).toEqual({ one: "1" });
  });

  test("that leaves the manifests as they were is recorded without a sync", async () => {
    await cluster.push([configMap("a")], { id: "same" });
    await cluster.createApplication();
    const revision = (await cluster.find(configMaps, "a"))?.metadata.resourceVersion;
    const second = await cluster.push([configMap("a")], { id: "same" });
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Synced", revision: second },
      lastSynced: { revision: second },
      history: [{ id: 1 }],
    });
    expect((await cluster.find(configMaps, "a"))?.metadata.resourceVersion).toBe(revision);
    expect(await cluster.events("Synced")).toHaveLength(1);
  });

  test("keeps as much history as spec.revisionHistoryLimit says", async () => {
    await cluster.push([configMap("a", { n: "0" })]);
    await cluster.createApplication({ revisionHistoryLimit: 2 });
    for (const n of ["1", "2", "3"]) await cluster.push([configMap("a", { n })]);
    expect((await cluster.status()).history?.map(({ id }) => id)).toEqual([3, 4]);
  });
});

describe("objects", () => {
  test("go to the destination's namespace unless they name one", async () => {
    await cluster.client.create(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "other" },
    });
    const own = { ...configMap("own"), metadata: { name: "own", namespace: "default" } };
    await cluster.push([configMap("a"), own]);
    await cluster.createApplication({ destination: { namespace: "other" } });
    expect(await cluster.find(configMaps, "a", "other")).toBeDefined();
    expect(await cluster.find(configMaps, "own", "default")).toBeDefined();
  });

  test("CreateNamespace=true makes the missing namespace", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({
      destination: { namespace: "fresh" },
      syncPolicy: { automated: {}, syncOptions: ["CreateNamespace=true"] },
    });
    expect(await cluster.find(configMaps, "a", "fresh")).toBeDefined();
    expect(await cluster.status()).toMatchObject({ sync: { status: "Synced" } });
  });

  test("without it, the sync fails and says so", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ destination: { namespace: "fresh" } });
    const status = await cluster.status();
    expect(status.operationState).toMatchObject({ phase: "Failed" });
    expect(status.operationState?.message).toContain('namespaces "fresh" not found');
  });

  test("one that the server refuses does not hold up the others", async () => {
    const bad = { ...configMap("bad"), data: { "not/a/key": "x" } };
    await cluster.push([configMap("a"), bad, configMap("c")]);
    await cluster.createApplication();
    expect(await cluster.data("a")).toBeDefined();
    expect(await cluster.data("c")).toBeDefined();
    const status = await cluster.status();
    expect(status).toMatchObject({
      sync: { status: "OutOfSync" },
      health: { status: "Missing" },
      operationState: { phase: "Failed" },
      conditions: [{ type: "SyncError", reason: "SyncFailed", status: "True" }],
    });
    expect(status.resources?.find(({ name }) => name === "bad")).toMatchObject({
      status: "OutOfSync",
      health: { status: "Missing" },
    });
    expect(await cluster.events("SyncFailed")).toHaveLength(1);
  });

  test("a CustomResourceDefinition and its objects come in one commit", async () => {
    const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };
    await cluster.push([{ ...widget, spec: { size: 3 } }, WIDGETS]);
    await cluster.createApplication();
    await cluster.until(async () => (await cluster.status()).sync?.status === "Synced");
    const resource = await cluster.client.resourceFor("example.com/v1", "Widget");
    expect(resource).toBeDefined();
    if (resource === undefined) return;
    expect(await cluster.find(resource, "w")).toMatchObject({ spec: { size: 3 } });
    expect((await cluster.status()).history).toHaveLength(1);
  });

  test("of a kind that nobody serves wait for it, and the others do not", async () => {
    const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };
    await cluster.push([{ ...widget, spec: { size: 3 } }, configMap("a")]);
    await cluster.createApplication();
    expect(await cluster.data("a")).toBeDefined();
    const status = await cluster.status();
    expect(status.sync?.status).toBe("OutOfSync");
    expect(status.conditions?.[0]).toMatchObject({
      type: "InvalidManifests",
      reason: "UnusableObjects",
      message: expect.stringContaining(
        "all.yaml:1: Widget.example.com w the destination serves",
      ) as string,
    });
    const resource = await cluster.client.resourceFor("apiextensions.k8s.io/v1", WIDGETS.kind);
    if (resource === undefined) throw new Error("definitions are not served");
    await cluster.client.create(resource, structuredClone(WIDGETS));
    await cluster.until(async () => (await cluster.status()).sync?.status === "Synced");
    expect((await cluster.status()).conditions).toEqual([]);
  });

  test("server defaults are no drift", async () => {
    await cluster.push([DEPLOYMENT]);
    await cluster.createApplication();
    const before = await cluster.find(deployments, "web");
    expect(before?.spec?.strategy?.type).toBe("RollingUpdate");
    await cluster.stopOperator();
    await cluster.startOperator();
    await cluster.settle();
    expect((await cluster.status()).sync?.status).toBe("Synced");
    const after = await cluster.find(deployments, "web");
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
    expect(await cluster.events("DriftDetected")).toEqual([]);
  });

  test("quantities in another spelling are no drift", async () => {
    const spelled = (cpu: string): object => ({
      ...DEPLOYMENT,
      spec: {
        ...DEPLOYMENT.spec,
        template: {
          ...DEPLOYMENT.spec.template,
          spec: { containers: [{ name: "web", image: "web:1", resources: { limits: { cpu } } }] },
        },
      },
    });
    await cluster.push([spelled("1000m")]);
    await cluster.createApplication();
    await cluster.push([spelled("1")]);
    await cluster.pass(60_000);
    expect(await cluster.status()).toMatchObject({ sync: { status: "Synced" } });
    expect(await cluster.events("DriftDetected")).toEqual([]);
  });
});

const labels = { app: "web" };
const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 0,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }] },
    },
  },
};

const WIDGETS = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
};
