import { afterEach, beforeEach, expect, test } from "vitest";
import { formatTime } from "../../../src/client/timestamps.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pod, podReady } from "../cluster-players.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

/** As `gantry suspend` does. */
const suspend = (): Promise<void> =>
  cluster.change({
    metadata: {
      annotations: {
        "gantry.dev/suspended-by": "ada",
        "gantry.dev/suspended-at": formatTime(cluster.clock.now()),
      },
    },
    spec: { suspend: true },
  });
const second = {
  ...configMap("second"),
  metadata: { name: "second", annotations: { "argocd.argoproj.io/sync-wave": "1" } },
};

test("the status says who suspended it and since when, and goes on saying so", async () => {
  await cluster.push([configMap("a")]);
  await cluster.createApplication();
  await suspend();
  await cluster.push([configMap("a", { key: "new" })]);
  expect((await cluster.status()).conditions).toMatchObject([
    {
      type: "Suspended",
      message: expect.stringMatching(
        /^suspended by ada since 2026-01-01T00:00:0\dZ: nothing is synced until/,
      ) as string,
    },
  ]);
  expect(await cluster.data("a")).toEqual({ key: "value" });
});

test("a sync that is under way stops, and goes on when it is resumed", async () => {
  await cluster.push([pod("first"), second]);
  await cluster.createApplication();
  expect((await cluster.status()).operationState?.phase).toBe("Running");
  await suspend();
  await podReady(cluster, "first");
  expect(await cluster.data("second")).toBeUndefined();
  expect((await cluster.status()).operationState).toMatchObject({
    phase: "Failed",
    message: expect.stringMatching(/^stopped: suspended by ada since/) as string,
  });
  await cluster.change({ spec: { suspend: null } });
  expect(await cluster.data("second")).toBeDefined();
});

test("one on request stops as well when it is suspended afterwards", async () => {
  await cluster.push([pod("first"), second]);
  await cluster.createApplication({ syncPolicy: {} });
  await cluster.operate({});
  expect((await cluster.status()).operationState?.phase).toBe("Running");
  await suspend();
  await podReady(cluster, "first");
  const { operation, status } = await cluster.application();
  expect(operation).toBeUndefined();
  expect(status?.operationState).toMatchObject({
    phase: "Error",
    message: expect.stringContaining("stopped: suspended by ada") as string,
  });
  expect(await cluster.data("second")).toBeUndefined();
});

test("one that is asked for while it is suspended goes ahead to its end", async () => {
  await cluster.push([pod("first"), second]);
  await cluster.createApplication({ suspend: true });
  await suspend();
  await cluster.pass(5_000);
  await cluster.operate({});
  await podReady(cluster, "first");
  expect(await cluster.data("second")).toBeDefined();
});

test("automation that is off reports drift, and writes nothing", async () => {
  await cluster.push([configMap("a")]);
  await cluster.createApplication({
    syncPolicy: { automated: { enabled: false, selfHeal: true } },
  });
  await cluster.operate({});
  await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
  await cluster.pass(600_000);
  expect(await cluster.data("a")).toEqual({ key: "meddled" });
  expect((await cluster.status()).sync?.status).toBe("OutOfSync");
  expect(await cluster.events("DriftDetected")).toHaveLength(1);
  await cluster.push([configMap("a", { key: "new" })]);
  expect(await cluster.data("a")).toEqual({ key: "meddled" });
});
