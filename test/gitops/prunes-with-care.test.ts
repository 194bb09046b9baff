import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const annotated = (name: string, annotations: Record<string, string>): object => ({
  ...configMap(name),
  metadata: { name, annotations },
});

describe("nothing is pruned", () => {
  test("while pruning is off; the status lists what is left over", async () => {
    await cluster.push([configMap("a"), configMap("left")]);
    await cluster.createApplication({ syncPolicy: { automated: { selfHeal: true } } });
    await cluster.push([configMap("a")]);
    expect(await cluster.data("left")).toBeDefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "OutOfSync" },
      resources: [
        { name: "a", status: "Synced" },
        {
          name: "left",
          status: "OutOfSync",
          requiresPruning: true,
          message: expect.stringContaining("pruning is off") as string,
        },
      ],
    });
  });

  test("by a revision that renders to nothing, unless allowEmpty says so", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.push([]);
    expect(await cluster.data("a")).toBeDefined();
    expect((await cluster.status()).resources?.[0]?.message).toContain("allowEmpty");
    const automated = { prune: true, selfHeal: true, allowEmpty: true };
    await cluster.change({ spec: { syncPolicy: { automated } } });
    expect(await cluster.data("a")).toBeUndefined();
  });

  test("while the manifests have errors", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication();
    await cluster.push([configMap("a")], { errors: ["all.yaml:1:1: broken"] });
    expect(await cluster.data("b")).toBeDefined();
  });

  test("while one of them is of a kind that is not served", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication();
    const unknown = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };
    await cluster.push([configMap("a"), unknown]);
    expect(await cluster.data("b")).toBeDefined();
  });

  test.each([
    ["Argo CD's Prune=false", { "argocd.argoproj.io/sync-options": "Prune=false" }],
    ["Argo CD's Prune=confirm", { "argocd.argoproj.io/sync-options": "Prune=confirm" }],
    ["Helm's keep", { "helm.sh/resource-policy": "keep" }],
    ["Flux's prune: disabled", { "kustomize.toolkit.fluxcd.io/prune": "disabled" }],
  ])("where %s stands on the object", async (_name, annotations) => {
    await cluster.push([configMap("a"), annotated("kept", annotations)]);
    await cluster.createApplication();
    await cluster.push([configMap("a")]);
    await cluster.pass(60_000);
    expect(await cluster.data("kept")).toBeDefined();
  });

  test("that somebody else made, even with a copy of our marks", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication();
    const ours = await cluster.find(configMaps, "a");
    const { labels, annotations } = ours?.metadata ?? {};
    await cluster.client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "copy",
        namespace: "default",
        ...(labels && { labels: { ...labels } }),
        ...(annotations && { annotations: { ...annotations } }),
      },
    });
    await cluster.push([configMap("a")]);
    expect(await cluster.data("b")).toBeUndefined();
    expect(await cluster.find(configMaps, "copy")).toBeDefined();
  });
});

test("IgnoreExtraneous: a leftover does not count, and goes with the next sync", async () => {
  const options = { "argocd.argoproj.io/compare-options": "IgnoreExtraneous" };
  await cluster.push([configMap("a"), annotated("extra", options)], { id: "1" });
  await cluster.createApplication({ syncPolicy: { automated: {} } });
  await cluster.push([configMap("a")]);
  expect(await cluster.status()).toMatchObject({ sync: { status: "Synced" } });
  expect(await cluster.data("extra")).toBeDefined();
  await cluster.operate({ prune: true });
  expect(await cluster.data("extra")).toBeUndefined();
});

test("an object with a finalizer counts as gone once it is asked to go", async () => {
  const held = { ...configMap("held"), metadata: { name: "held", finalizers: ["test/hold"] } };
  await cluster.push([configMap("a"), held]);
  await cluster.createApplication();
  await cluster.push([configMap("a")]);
  await cluster.pass(60_000);
  expect((await cluster.find(configMaps, "held"))?.metadata.deletionTimestamp).toBeDefined();
  expect(await cluster.status()).toMatchObject({ sync: { status: "Synced" } });
  expect(await cluster.events("Synced")).toHaveLength(2);
});

describe("two Applications that want the same object", () => {
  test("the first keeps it, the second is told", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({}, "first");
    await cluster.createApplication({}, "second");
    await cluster.pass(60_000);
    const owner = (await cluster.find(configMaps, "a"))?.metadata.labels;
    expect(owner).toEqual({ "gantry.dev/application": "default.first" });
    expect((await cluster.status("first")).sync?.status).toBe("Synced");
    const status = await cluster.status("second");
    expect(status.sync?.status).toBe("OutOfSync");
    expect(status.conditions?.[0]?.message).toContain("belongs to Application default/first");
  });

  test("the second does not prune what is the first's", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication({}, "first");
    await cluster.createApplication({}, "second");
    await cluster.change({ spec: { suspend: true } }, "first");
    await cluster.push([configMap("b")]);
    expect(await cluster.data("a")).toBeDefined();
  });
});

describe("a deleted Application", () => {
  const finalizers = ["resources-finalizer.argocd.argoproj.io"];

  async function createWithFinalizer(): Promise<void> {
    const app = application({}, "app");
    await cluster.client.create(applications, {
      ...app,
      metadata: { ...app.metadata, finalizers },
    });
    await cluster.settle();
  }

  test("leaves its objects behind", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.delete(applications, "app");
    await cluster.pass(60_000);
    expect(await cluster.data("a")).toBeDefined();
    expect(cluster.repository.forgotten).toEqual(["default/app"]);
  });

  test("takes them along where its finalizer says so", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await createWithFinalizer();
    await cluster.delete(applications, "app");
    await cluster.pass(1_000);
    expect(await cluster.data("a")).toBeUndefined();
    expect(await cluster.data("b")).toBeUndefined();
    expect(await cluster.find(applications, "app")).toBeUndefined();
  });

  test("waits for what takes its time, and leaves what wants to stay", async () => {
    const held = { ...configMap("held"), metadata: { name: "held", finalizers: ["test/hold"] } };
    const kept = annotated("kept", { "argocd.argoproj.io/sync-options": "Delete=false" });
    await cluster.push([held, kept]);
    await createWithFinalizer();
    await cluster.delete(applications, "app");
    await cluster.pass(10_000);
    expect(await cluster.find(applications, "app")).toBeDefined();
    await cluster.meddle(configMaps, "held", { metadata: { finalizers: null } });
    await cluster.pass(1_000);
    expect(await cluster.find(applications, "app")).toBeUndefined();
    expect(await cluster.data("kept")).toBeDefined();
  });
});
