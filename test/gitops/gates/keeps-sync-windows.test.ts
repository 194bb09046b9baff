import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SyncWindow } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { projects } from "../../../src/kube/kinds/project.ts";
import { pod, podReady } from "../cluster-players.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Simulated time starts on Thursday, 2026-01-01, at 00:00 UTC. */
let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const version = (n: number): object => configMap("a", { version: String(n) });
const current = async (): Promise<string | undefined> => (await cluster.data("a"))?.["version"];
const condition = async (type = "SyncWindow") =>
  (await cluster.status()).conditions?.find((found) => found.type === type);
const window = (kind: SyncWindow["kind"], schedule: string, more: Partial<SyncWindow> = {}) => ({
  kind,
  schedule,
  duration: "1h",
  ...more,
});
const policy = (...windows: SyncWindow[]) => ({
  syncPolicy: { automated: { prune: true, selfHeal: true }, windows },
});

test("a commit waits for the end of a deny window, and comes the moment it is over", async () => {
  await cluster.push([version(1)]);
  await cluster.createApplication(policy(window("deny", "0 0 * * *")));
  expect(await current()).toBeUndefined();
  expect(await condition()).toMatchObject({
    reason: "SyncDenied",
    message: "syncs are denied until 2026-01-01T01:00:00Z: deny 0 0 * * * for 1h in UTC",
  });
  expect((await cluster.status()).sync?.status).toBe("OutOfSync");
  await cluster.pass(HOUR_MS - 2_000);
  expect(await current()).toBeUndefined();
  await cluster.pass(2_000);
  expect(await current()).toBe("1");
  expect(await condition()).toBeUndefined();
  // The next night.
  await cluster.pass(23 * HOUR_MS);
  expect(await condition()).toMatchObject({ reason: "SyncDenied" });
});

test("outside of an allow window nothing is synced, drift included", async () => {
  await cluster.push([version(1)]);
  await cluster.createApplication(policy(window("allow", "0 0 * * *")));
  expect(await current()).toBe("1");
  await cluster.pass(HOUR_MS);
  await cluster.push([version(2)]);
  await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
  await cluster.pass(10 * HOUR_MS);
  expect(await current()).toBe("meddled");
  expect((await condition())?.message).toContain("until 2026-01-02T00:00:00Z: outside of allow");
  await cluster.pass(13 * HOUR_MS);
  expect(await current()).toBe("2");
});

test("a window for self-heal lets others scale down at night, and commits through", async () => {
  await cluster.push([version(1)]);
  await cluster.createApplication(policy(window("deny", "0 0 * * *", { appliesTo: "selfHeal" })));
  expect(await current()).toBe("1");
  await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
  await cluster.pass(30 * MINUTE_MS);
  expect(await current()).toBe("meddled");
  expect(await condition()).toMatchObject({
    reason: "SelfHealDenied",
    message: expect.stringContaining("drift is not healed until 2026-01-01T01:00:00Z") as string,
  });
  expect(await cluster.events("DriftDetected")).toHaveLength(1);
  await cluster.push([version(2)]);
  expect(await current()).toBe("2");
  await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
  await cluster.pass(31 * MINUTE_MS);
  expect(await current()).toBe("2");
  expect(await condition()).toBeUndefined();
});

describe("a sync on request", () => {
  test("is refused inside a deny window, with the reason and the way out", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication(policy(window("deny", "0 0 * * *")));
    await cluster.operate({});
    expect(await current()).toBeUndefined();
    const { operation, status } = await cluster.application();
    expect(operation).toBeUndefined();
    expect(status?.operationState).toMatchObject({
      phase: "Error",
      initiatedBy: "ada",
      message: expect.stringMatching(
        /denied until 2026-01-01T01:00:00Z.*manualSync: true/,
      ) as string,
    });
  });

  test("goes ahead where the window has manualSync", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication(policy(window("deny", "0 0 * * *", { manualSync: true })));
    await cluster.operate({});
    expect(await current()).toBe("1");
  });

  test("a dry run is no sync", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication(policy(window("deny", "0 0 * * *")));
    await cluster.operate({ dryRun: true });
    expect((await cluster.status()).operationState).toMatchObject({ phase: "Succeeded" });
    expect(await current()).toBeUndefined();
  });
});

describe("a sync that is under way when its window closes", () => {
  const waves = [
    pod("first"),
    {
      ...configMap("a", { version: "1" }),
      metadata: { name: "a", annotations: { "argocd.argoproj.io/sync-wave": "1" } },
    },
  ];
  const closing = (more: Partial<SyncWindow> = {}) => policy(window("allow", "0 0 * * *", more));

  test("is stopped", async () => {
    await cluster.push(waves);
    await cluster.createApplication(closing());
    expect((await cluster.status()).operationState?.phase).toBe("Running");
    await cluster.pass(HOUR_MS);
    await podReady(cluster, "first");
    expect(await current()).toBeUndefined();
    expect((await cluster.status()).operationState).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("stopped: syncs are denied until") as string,
    });
    await cluster.pass(23 * HOUR_MS);
    expect(await current()).toBe("1");
  });

  test("comes to its end with syncOverrun", async () => {
    await cluster.push(waves);
    await cluster.createApplication(closing({ syncOverrun: true }));
    await cluster.pass(HOUR_MS);
    await podReady(cluster, "first");
    expect(await current()).toBe("1");
  });
});

describe("a window that cannot be read", () => {
  test("is one condition and one Event; automation waits, everything else goes on", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication(policy(window("deny", "0 25 * * *")));
    await cluster.pass(30 * MINUTE_MS);
    expect(await current()).toBeUndefined();
    expect(await condition()).toBeUndefined();
    expect(await condition("InvalidSyncWindow")).toMatchObject({
      message: expect.stringMatching(
        /deny window: schedule "0 25 \* \* \*" cannot be read: .*hour/,
      ) as string,
    });
    expect(await cluster.events("InvalidSyncWindow")).toHaveLength(1);
    expect((await cluster.status()).sync?.status).toBe("OutOfSync");
    await cluster.operate({});
    expect(await current()).toBe("1");
    await cluster.push([version(2)]);
    await cluster.change({ spec: policy(window("deny", "0 5 * * *")) });
    expect(await current()).toBe("2");
    expect((await cluster.status()).conditions).toEqual([]);
  });

  test("others are not affected", async () => {
    await cluster.push([version(1)]);
    await cluster.createApplication(policy(window("deny", "nonsense")), "broken");
    await cluster.createApplication();
    expect(await current()).toBe("1");
  });
});

describe("windows of a Project", () => {
  const project = (syncWindows: SyncWindow[]) => ({
    apiVersion: "gantry.dev/v1",
    kind: "Project",
    metadata: { name: "default" },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
      syncWindows,
    },
  });
  const freeze = async (more: Partial<SyncWindow>): Promise<void> => {
    await cluster.client.create(projects, project([window("deny", "0 0 * * *", more)]));
    await cluster.settle();
  };

  test.each<[string, Partial<SyncWindow>, boolean]>([
    ["all Applications", {}, true],
    ["the name", { applications: ["a*"] }, true],
    ["another name", { applications: ["b*"] }, false],
    ["the namespace", { namespaces: ["def?ult"] }, true],
    ["another namespace", { namespaces: ["prod"] }, false],
    ["the cluster", { clusters: ["in-cluster"] }, true],
    ["one of several", { applications: ["b*"], namespaces: ["default"] }, true],
  ])("%s", async (_name, more, isFrozen) => {
    await freeze(more);
    await cluster.push([version(1)]);
    await cluster.createApplication();
    expect(await current()).toBe(isFrozen ? undefined : "1");
  });

  test("a freeze that is lifted lets everything through at once", async () => {
    await freeze({});
    await cluster.push([version(1)]);
    await cluster.createApplication();
    expect(await current()).toBeUndefined();
    await cluster.client.patch(
      projects,
      { name: "default" },
      { type: "merge", body: { spec: { syncWindows: null } } },
    );
    await cluster.settle();
    expect(await current()).toBe("1");
  });
});
