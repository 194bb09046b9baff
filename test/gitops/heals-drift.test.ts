import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { deployments } from "../../src/kube/kinds/deployment.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

describe("with selfHeal", () => {
  test("a changed field is set back at once, and an Event names it", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    expect(await cluster.data("a")).toEqual({ key: "value" });
    const drift = await cluster.events("DriftDetected");
    expect(drift.map((event) => event.message)).toEqual([
      "ConfigMap default/a differs from Git: update data.key",
    ]);
    expect((await cluster.status()).history).toHaveLength(1);
  });

  test("a deleted object comes back", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.delete(configMaps, "a");
    expect(await cluster.data("a")).toEqual({ key: "value" });
  });

  test("an object that lost its tracking label gets it back", async () => {
    const labels = { team: "web" };
    await cluster.push([{ ...configMap("a"), metadata: { name: "a", labels } }]);
    await cluster.createApplication();
    const label = { "gantry.dev/application": null };
    await cluster.meddle(configMaps, "a", { metadata: { labels: label } });
    expect((await cluster.find(configMaps, "a"))?.metadata.labels).toEqual({
      "gantry.dev/application": "default.app",
      ...labels,
    });
  });

  test("fields that Git does not mention belong to others", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.meddle(configMaps, "a", {
      data: { more: "theirs" },
      metadata: { labels: { team: "theirs" } },
    });
    expect(await cluster.data("a")).toEqual({ key: "value", more: "theirs" });
    expect((await cluster.status()).sync?.status).toBe("Synced");
    expect(await cluster.events("DriftDetected")).toEqual([]);
  });

  test("whoever keeps changing a field is healed less and less often", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    const healedAfter = async (pauseMs: number): Promise<boolean> => {
      await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
      await cluster.pass(pauseMs);
      return (await cluster.data("a"))?.["key"] === "value";
    };
    expect(await healedAfter(0)).toBe(true);
    expect(await healedAfter(1_500)).toBe(false);
    expect((await cluster.status()).sync?.status).toBe("OutOfSync");
    await cluster.pass(1_000);
    expect(await cluster.data("a")).toEqual({ key: "value" });
    expect(await healedAfter(5_000)).toBe(false);
    await cluster.pass(2_000);
    expect(await cluster.data("a")).toEqual({ key: "value" });
    // Ten quiet minutes, and the next one is healed at once again.
    await cluster.pass(601_000);
    expect(await healedAfter(0)).toBe(true);
  });

  test("an Application's own sync is never taken for drift", async () => {
    await cluster.push([configMap("a"), configMap("b"), DEPLOYMENT]);
    await cluster.createApplication();
    for (const n of ["1", "2", "3"]) await cluster.push([configMap("a", { n }), DEPLOYMENT]);
    await cluster.pass(10_000);
    expect(await cluster.events("DriftDetected")).toEqual([]);
    expect(await cluster.events("Synced")).toHaveLength(4);
  });
});

describe("without selfHeal", () => {
  test("drift is shown and told once, and stays", async () => {
    const revision = await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: { automated: { prune: true } } });
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await cluster.meddle(configMaps, "a", { data: { key: "again" } });
    await cluster.pass(600_000);
    expect(await cluster.data("a")).toEqual({ key: "again" });
    expect((await cluster.status()).sync).toEqual({ status: "OutOfSync", revision });
    expect(await cluster.events("DriftDetected")).toHaveLength(1);
  });

  test("a commit that does not touch the manifests leaves drift alone", async () => {
    await cluster.push([configMap("a")], { id: "same" });
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await cluster.push([configMap("a")], { id: "same" });
    expect(await cluster.data("a")).toEqual({ key: "meddled" });
  });

  test("a commit that does touches everything", async () => {
    await cluster.push([configMap("a"), configMap("b")]);
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await cluster.push([configMap("a"), configMap("b", { key: "new" })]);
    expect(await cluster.data("a")).toEqual({ key: "value" });
  });
});

describe("ignoreDifferences", () => {
  const rule = { group: "apps", kind: "Deployment", jsonPointers: ["/spec/replicas"] };
  const replicas = async (): Promise<number | undefined> =>
    (await cluster.find(deployments, "web"))?.spec?.replicas;

  test("a field that others scale is set once and then left alone", async () => {
    await cluster.push([DEPLOYMENT]);
    await cluster.createApplication({ ignoreDifferences: [rule] });
    expect(await replicas()).toBe(1);
    await cluster.meddle(deployments, "web", { spec: { replicas: 5 } });
    await cluster.pass(60_000);
    expect(await replicas()).toBe(5);
    expect((await cluster.status()).sync?.status).toBe("Synced");
    expect(await cluster.events("DriftDetected")).toEqual([]);
  });

  test("it stays as it is when the manifest changes elsewhere", async () => {
    await cluster.push([DEPLOYMENT]);
    await cluster.createApplication({ ignoreDifferences: [rule] });
    await cluster.meddle(deployments, "web", { spec: { replicas: 5 } });
    await cluster.push([{ ...DEPLOYMENT, spec: { ...DEPLOYMENT.spec, minReadySeconds: 7 } }]);
    expect((await cluster.find(deployments, "web"))?.spec).toMatchObject({
      minReadySeconds: 7,
      replicas: 5,
    });
  });

  test("nobody has changed it yet: another commit does not remove it", async () => {
    const three = { ...DEPLOYMENT, spec: { ...DEPLOYMENT.spec, replicas: 3 } };
    await cluster.push([three]);
    await cluster.createApplication({ ignoreDifferences: [rule] });
    await cluster.push([{ ...three, spec: { ...three.spec, replicas: 4, minReadySeconds: 7 } }]);
    expect(await replicas()).toBe(3);
    // Out of Git altogether.
    const { replicas: _replicas, ...spec } = DEPLOYMENT.spec;
    await cluster.push([{ ...DEPLOYMENT, spec }]);
    expect(await replicas()).toBe(3);
  });

  test("other fields of the object, and other objects, are healed as ever", async () => {
    await cluster.push([DEPLOYMENT, configMap("a")]);
    await cluster.createApplication({ ignoreDifferences: [rule] });
    await cluster.meddle(deployments, "web", { spec: { minReadySeconds: 99 } });
    await cluster.pass(10_000);
    expect((await cluster.find(deployments, "web"))?.spec?.minReadySeconds).toBe(5);
  });

  test("pointers lead through lists", async () => {
    const pointer = "/spec/template/spec/containers/0/image";
    await cluster.push([DEPLOYMENT]);
    await cluster.createApplication({ ignoreDifferences: [{ ...rule, jsonPointers: [pointer] }] });
    const containers = [{ name: "web", image: "theirs:2", ports: [{ containerPort: 80 }] }];
    await cluster.meddle(deployments, "web", { spec: { template: { spec: { containers } } } });
    await cluster.pass(60_000);
    const live = await cluster.find(deployments, "web");
    expect(live?.spec?.template.spec?.containers[0]?.image).toBe("theirs:2");
    expect((await cluster.status()).sync?.status).toBe("Synced");
  });
});

const labels = { app: "web" };
const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    minReadySeconds: 5,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }] },
    },
  },
};
