import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { IgnoreDifference } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const labels = { app: "web" };
const deployment = (
  more: object = {},
  containers: object[] = [{ name: "web", image: "web:1" }],
) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
    ...more,
  },
});
const rule = (fields: Partial<IgnoreDifference>): IgnoreDifference => ({
  group: "apps",
  kind: "Deployment",
  ...fields,
});
const live = async () => (await cluster.find(deployments, "web"))?.spec;
const sync = async () => (await cluster.status()).sync?.status;

describe.each<[string, Partial<IgnoreDifference>]>([
  ["a jq path", { jqPathExpressions: [".spec.replicas"] }],
  ["a field manager", { managedFieldsManagers: ["somebody"] }],
])("fields ignored by %s", (_name, fields) => {
  test("are not drift, and not written when the object changes elsewhere", async () => {
    await cluster.push([deployment()]);
    await cluster.createApplication({ ignoreDifferences: [rule(fields)] });
    await cluster.meddle(deployments, "web", { spec: { replicas: 5 } });
    await cluster.pass(60_000);
    expect([(await live())?.replicas, await sync()]).toEqual([5, "Synced"]);
    await cluster.push([deployment({ replicas: 2, minReadySeconds: 7 })]);
    expect(await live()).toMatchObject({ replicas: 5, minReadySeconds: 7 });
    expect(await sync()).toBe("Synced");
    expect(await cluster.events("DriftDetected")).toEqual([]);
  });
});

test("a container that a webhook changes is found by its name, wherever it stands", async () => {
  const expression = '.spec.template.spec.containers[] | select(.name == "web") | .image';
  await cluster.push([deployment()]);
  await cluster.createApplication({
    ignoreDifferences: [rule({ jqPathExpressions: [expression] })],
  });
  const containers = [
    { name: "proxy", image: "proxy:1" },
    { name: "web", image: "theirs:2" },
  ];
  await cluster.meddle(deployments, "web", { spec: { template: { spec: { containers } } } });
  await cluster.push([deployment({ minReadySeconds: 7 })]);
  const images = (await live())?.template.spec?.containers.map(({ image }) => image);
  expect(images).toContain("theirs:2");
  expect((await live())?.minReadySeconds).toBe(7);
  expect(await sync()).toBe("Synced");
});

test("an object that has to be replaced keeps its ignored fields", async () => {
  const force = { "argocd.argoproj.io/sync-options": "Force=true" };
  const forced = (object: ReturnType<typeof deployment>) => ({
    ...object,
    metadata: { name: "web", annotations: force },
  });
  await cluster.push([forced(deployment())]);
  await cluster.createApplication({
    ignoreDifferences: [rule({ jsonPointers: ["/spec/replicas"] })],
  });
  const uid = (await cluster.find(deployments, "web"))?.metadata.uid;
  await cluster.meddle(deployments, "web", { spec: { replicas: 5 } });
  const other = { app: "other" };
  const template = {
    metadata: { labels: other },
    spec: { containers: [{ name: "web", image: "web:1" }] },
  };
  await cluster.push([forced(deployment({ selector: { matchLabels: other }, template }))]);
  const after = await cluster.until(async () => {
    const found = await cluster.find(deployments, "web");
    return found?.metadata.uid === uid ? undefined : found;
  });
  expect(after.spec?.replicas).toBe(5);
});

describe("a rule that is not understood", () => {
  const broken = rule({ jqPathExpressions: [".spec | del(.replicas)"] });

  test("is one condition that names it; nothing is written until it is corrected", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.change({ spec: { ignoreDifferences: [broken] } });
    await cluster.push([configMap("a", { key: "new" })]);
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await cluster.pass(60_000);
    expect(await cluster.data("a")).toEqual({ key: "meddled" });
    expect((await cluster.status()).conditions).toMatchObject([
      {
        type: "InvalidIgnoreRule",
        message: expect.stringContaining(
          'spec.ignoreDifferences[0]: the jq path expression ".spec | del(.replicas)" is not supported',
        ) as string,
      },
    ]);
    expect(await cluster.events("InvalidIgnoreRule")).toHaveLength(1);
    await cluster.operate({});
    expect((await cluster.status()).operationState).toMatchObject({ phase: "Error" });
    await cluster.change({ spec: { ignoreDifferences: null } });
    expect(await cluster.data("a")).toEqual({ key: "new" });
    expect((await cluster.status()).conditions).toEqual([]);
  });

  test("one that never ends refuses its object, and no other", async () => {
    const endless = {
      kind: "ConfigMap",
      name: "a",
      jqPathExpressions: ["select(.data[] == .data[]) | .data.key1"],
    };
    const data = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`key${n}`, "x"]));
    await cluster.push([configMap("a", data), configMap("b")]);
    await cluster.createApplication({ ignoreDifferences: [endless] });
    expect(await cluster.data("a")).toBeDefined();
    await cluster.push([configMap("a", { ...data, more: "x" }), configMap("b", { key: "new" })]);
    expect(await cluster.data("b")).toEqual({ key: "new" });
    expect((await cluster.status()).operationState).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("is too much work") as string,
    });
  });
});

test.each<[string, Partial<IgnoreDifference>]>([
  ["all annotations and labels", { jsonPointers: ["/metadata/annotations", "/metadata/labels"] }],
  ["everything", { jqPathExpressions: [".metadata, .spec"] }],
  ["every field there is", { jqPathExpressions: [".."] }],
])("ignoring %s does not lose whose object it is", async (_name, fields) => {
  await cluster.push([deployment()]);
  await cluster.createApplication({ ignoreDifferences: [rule(fields)] });
  await cluster.meddle(deployments, "web", {
    spec: { replicas: 5 },
    metadata: { labels: { theirs: "yes" }, annotations: { theirs: "yes" } },
  });
  await cluster.push([deployment({ replicas: 2 })]);
  await cluster.pass(10_000);
  expect(await cluster.find(deployments, "web")).toMatchObject({
    metadata: {
      labels: { theirs: "yes", "gantry.dev/application": "default.app" },
      annotations: { theirs: "yes" },
    },
  });
  expect(await sync()).toBe("Synced");
  expect((await cluster.status()).conditions).toEqual([]);
  // Nothing is written again and again.
  const { revision } = cluster.store;
  await cluster.pass(60_000);
  expect(cluster.store.revision).toBe(revision);
});
