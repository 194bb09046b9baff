/** Hooks: what runs before, during and after a sync, once, and what becomes of it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { jobs } from "../../src/kube/kinds/job.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { hook, job, jobEnds, names, pod, podEnds, wave } from "./cluster-players.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const state = async () => (await cluster.status()).operationState;
const once = { syncPolicy: { automated: { prune: true }, retry: { limit: 0 } } };
const annotated = (name: string, annotations: object): object => ({
  ...configMap(name),
  metadata: { name, annotations },
});

test("PreSync, the sync itself, PostSync: each waits for the one before", async () => {
  await cluster.push([
    configMap("a"),
    job("migrate", hook("PreSync")),
    pod("smoke", hook("PostSync")),
  ]);
  await cluster.createApplication();
  expect(await cluster.data("a")).toBeUndefined();
  expect(await state()).toMatchObject({
    phase: "Running",
    message: expect.stringContaining(
      "PreSync, wave 0: waits for Job.batch default/migrate",
    ) as string,
    syncResult: { resources: [{ name: "migrate", syncPhase: "PreSync", hookPhase: "Running" }] },
  });
  await jobEnds(cluster, "migrate", "Complete");
  expect(await cluster.data("a")).toBeDefined();
  expect(await state()).toMatchObject({ phase: "Running" });
  await podEnds(cluster, "smoke", "Succeeded");
  const { operationState, resources, sync, health } = await cluster.status();
  expect(operationState).toMatchObject({
    phase: "Succeeded",
    syncResult: {
      resources: [
        { name: "migrate", syncPhase: "PreSync", hookPhase: "Succeeded" },
        { name: "smoke", syncPhase: "PostSync", hookPhase: "Succeeded" },
        { name: "a", status: "Synced" },
      ],
    },
  });
  // Hooks are no part of what is compared, pruned and judged.
  expect(resources?.map(({ name }) => name)).toEqual(["a"]);
  expect({ sync: sync?.status, health: health?.status }).toEqual({
    sync: "Synced",
    health: "Healthy",
  });
  await cluster.push([configMap("a", { key: "new" })]);
  expect(await names(cluster, jobs)).toEqual(["migrate"]);
});

test("hooks run again with the next sync, as new objects; not when there is nothing to sync", async () => {
  const migrate = job("migrate", hook("PreSync"));
  await cluster.push([configMap("a"), migrate]);
  await cluster.createApplication();
  await jobEnds(cluster, "migrate", "Complete");
  const first = (await cluster.find(jobs, "migrate"))?.metadata.uid;
  await cluster.pass(600_000);
  expect((await cluster.find(jobs, "migrate"))?.metadata.uid).toBe(first);
  await cluster.push([configMap("a", { key: "new" }), migrate]);
  expect((await cluster.find(jobs, "migrate"))?.metadata.uid).not.toBe(first);
  expect(await cluster.data("a")).toEqual({ key: "value" });
  await jobEnds(cluster, "migrate", "Complete");
  expect(await cluster.data("a")).toEqual({ key: "new" });
});

test("hooks of one phase run wave by wave", async () => {
  await cluster.push([
    configMap("a"),
    job("second", { ...hook("PreSync"), ...wave(2) }),
    job("first", { ...hook("PreSync"), ...wave(-2) }),
  ]);
  await cluster.createApplication();
  expect(await names(cluster, jobs)).toEqual(["first"]);
  await jobEnds(cluster, "first", "Complete");
  expect(await names(cluster, jobs)).toEqual(["first", "second"]);
});

test("a hook that fails ends the sync, SyncFail hooks run, and it is tried again later", async () => {
  await cluster.push([
    configMap("a"),
    job("migrate", hook("PreSync")),
    pod("alarm", hook("SyncFail")),
    pod("never", hook("PostSync")),
  ]);
  await cluster.createApplication({
    syncPolicy: { automated: {}, retry: { limit: 2, backoff: { duration: "10s" } } },
  });
  await jobEnds(cluster, "migrate", "Failed", "no such table");
  expect(await names(cluster, pods)).toEqual(["alarm"]);
  expect(await state()).toMatchObject({ phase: "Running" });
  await podEnds(cluster, "alarm", "Succeeded");
  expect(await state()).toMatchObject({
    phase: "Failed",
    message: expect.stringMatching(
      /PreSync hook Job.batch default\/migrate: no such table/,
    ) as string,
  });
  expect(await cluster.data("a")).toBeUndefined();
  const failed = (await cluster.find(jobs, "migrate"))?.metadata.uid;
  await cluster.pass(10_000);
  expect((await cluster.find(jobs, "migrate"))?.metadata.uid).not.toBe(failed);
  await jobEnds(cluster, "migrate", "Complete");
  expect(await cluster.data("a")).toBeDefined();
});

test("a PostSync hook that fails is tried again although nothing differs", async () => {
  await cluster.push([configMap("a"), job("smoke", hook("PostSync"))]);
  await cluster.createApplication({
    syncPolicy: { automated: {}, retry: { limit: 1, backoff: { duration: "10s" } } },
  });
  await jobEnds(cluster, "smoke", "Failed", "500");
  expect(await state()).toMatchObject({ phase: "Failed" });
  await cluster.pass(10_000);
  await jobEnds(cluster, "smoke", "Failed", "501");
  expect(await state()).toMatchObject({ phase: "Failed", retryCount: 1 });
  // Although a look finds everything in sync and healthy.
  cluster.operator?.refresh(["default/app"]);
  await cluster.settle();
  expect(await cluster.status()).toMatchObject({
    sync: { status: "Synced" },
    conditions: [{ type: "SyncError", message: expect.stringMatching(/smoke: 501/) as string }],
  });
  // A commit that mends only the hook.
  await cluster.push([configMap("a"), job("smoke", { ...hook("PostSync"), fixed: "yes" })]);
  await jobEnds(cluster, "smoke", "Complete");
  expect(await state()).toMatchObject({ phase: "Succeeded" });
  expect((await cluster.status()).conditions).toEqual([]);
});

describe("delete policies", () => {
  test.each([
    ["HookSucceeded", "Complete", []],
    ["HookSucceeded", "Failed", ["h"]],
    ["HookFailed", "Complete", ["h"]],
    ["HookFailed", "Failed", []],
    ["BeforeHookCreation", "Complete", ["h"]],
  ] as const)("%s, and the hook is %s", async (policy, end, left) => {
    await cluster.push([configMap("a"), job("h", hook("PreSync", policy))]);
    await cluster.createApplication(once);
    await jobEnds(cluster, "h", end);
    expect(await names(cluster, jobs)).toEqual(left);
    expect((await state())?.syncResult?.resources).toContainEqual(
      expect.objectContaining({ name: "h", hookPhase: end === "Failed" ? "Failed" : "Succeeded" }),
    );
  });

  test("are carried out when the sync ends, not when the hook ends", async () => {
    await cluster.push([
      configMap("a"),
      job("pre", hook("PreSync", "HookSucceeded")),
      job("post", hook("PostSync")),
    ]);
    await cluster.createApplication();
    await jobEnds(cluster, "pre", "Complete");
    expect(await names(cluster, jobs)).toEqual(["post", "pre"]);
    await jobEnds(cluster, "post", "Complete");
    expect(await names(cluster, jobs)).toEqual(["post"]);
  });
});

test("one hook may run in several phases", async () => {
  await cluster.push([configMap("a"), job("check", hook("PreSync,PostSync"))]);
  await cluster.createApplication();
  const before = (await cluster.find(jobs, "check"))?.metadata.uid;
  await jobEnds(cluster, "check", "Complete");
  expect(await cluster.data("a")).toBeDefined();
  expect((await cluster.find(jobs, "check"))?.metadata.uid).not.toBe(before);
  await jobEnds(cluster, "check", "Complete");
  expect(await state()).toMatchObject({ phase: "Succeeded" });
});

test("generateName: each run is an object of its own, named after revision, phase and time", async () => {
  await cluster.push([configMap("a"), job("migrate-", hook("PreSync"))]);
  await cluster.createApplication();
  const [first = ""] = await names(cluster, jobs);
  expect(first).toMatch(/^migrate-[0-9a-f]{7}-presync-\d+$/);
  await jobEnds(cluster, first, "Complete");
  await cluster.push([configMap("a", { key: "new" }), job("migrate-", hook("PreSync"))]);
  expect(await names(cluster, jobs)).toHaveLength(2);
});

test("a hook without health is done when it exists", async () => {
  await cluster.push([annotated("settings", hook("PreSync")), configMap("a")]);
  await cluster.createApplication();
  expect(await cluster.data("settings")).toBeDefined();
  expect(await cluster.data("a")).toBeDefined();
  expect(await state()).toMatchObject({ phase: "Succeeded" });
});

test("Skip: never applied, never pruned for", async () => {
  await cluster.push([annotated("skipped", hook("Skip")), configMap("a")]);
  await cluster.createApplication();
  expect(await cluster.data("skipped")).toBeUndefined();
  expect(await state()).toMatchObject({ phase: "Succeeded" });
});

test("a hook that somebody deletes while it runs has failed", async () => {
  await cluster.push([configMap("a"), job("migrate", hook("PreSync"))]);
  await cluster.createApplication(once);
  await cluster.delete(jobs, "migrate");
  expect(await state()).toMatchObject({
    phase: "Failed",
    message: expect.stringContaining("deleted while it ran") as string,
  });
  expect(await cluster.data("a")).toBeUndefined();
});

test.each([
  ["Complete", "Succeeded"],
  ["Failed", "Failed"],
] as const)(
  "a Job that removes itself when it is %s counts as how it ended",
  async (end, phase) => {
    const migrate = job("migrate", hook("PreSync"), { ttlSecondsAfterFinished: 0 });
    await cluster.push([configMap("a"), migrate]);
    await cluster.createApplication(once);
    // Nobody looks while it ends and is removed.
    await cluster.stopOperator();
    await jobEnds(cluster, "migrate", end);
    await cluster.delete(jobs, "migrate");
    await cluster.startOperator();
    await cluster.settle();
    expect((await state())?.syncResult?.resources).toContainEqual(
      expect.objectContaining({ name: "migrate", hookPhase: phase }),
    );
    expect(await cluster.data("a")).toEqual(phase === "Succeeded" ? { key: "value" } : undefined);
    expect(await names(cluster, jobs)).toEqual([]);
  },
);

test("hooks of a superseded sync are stopped before those of the next begin", async () => {
  await cluster.push([configMap("a"), job("old-", hook("PreSync"))]);
  await cluster.createApplication();
  const [old = ""] = await names(cluster, jobs);
  await cluster.push([configMap("a"), configMap("b"), job("new-", hook("PreSync"))]);
  const [next = ""] = await names(cluster, jobs);
  expect(await names(cluster, jobs)).toHaveLength(1);
  expect(old).toMatch(/^old-/);
  expect(next).toMatch(/^new-/);
});

test("an object of that name that is no hook of ours is left alone", async () => {
  await cluster.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "mine", namespace: "default" },
    data: { by: "hand" },
  });
  await cluster.push([annotated("mine", hook("PreSync")), configMap("a")]);
  await cluster.createApplication(once);
  expect(await cluster.data("mine")).toEqual({ by: "hand" });
  expect((await state())?.message).toContain("is no hook of this Application");
});

describe("Helm's hooks", () => {
  const helm = (hooks: string, more: Record<string, string> = {}): Record<string, string> => ({
    "helm.sh/hook": hooks,
    ...more,
  });

  test("install and upgrade are told apart; tests and rollbacks never run", async () => {
    const chart = [
      job("install", helm("pre-install", { "helm.sh/hook-weight": "-5" })),
      job("upgrade", helm("pre-upgrade")),
      pod("test", helm("test")),
      pod("rollback", helm("pre-rollback,post-rollback")),
    ];
    await cluster.push([configMap("a"), ...chart]);
    await cluster.createApplication();
    expect(await names(cluster, jobs)).toEqual(["install"]);
    await jobEnds(cluster, "install", "Complete");
    expect(await cluster.data("a")).toBeDefined();
    await cluster.delete(jobs, "install");
    await cluster.push([configMap("a", { key: "new" }), ...chart]);
    expect(await names(cluster, jobs)).toEqual(["upgrade"]);
    await jobEnds(cluster, "upgrade", "Complete");
    expect(await cluster.data("a")).toEqual({ key: "new" });
    expect(await names(cluster, pods)).toEqual([]);
  });

  test("an installation that failed is still an installation", async () => {
    await cluster.push([
      configMap("a"),
      job("install", helm("post-install")),
      job("up", helm("post-upgrade")),
    ]);
    await cluster.createApplication({
      syncPolicy: { automated: {}, retry: { limit: 5, backoff: { duration: "10s" } } },
    });
    await jobEnds(cluster, "install", "Failed");
    await cluster.pass(10_000);
    expect(await names(cluster, jobs)).toEqual(["install"]);
  });

  test("their weights are waves, their delete policies hold, Argo CD's annotations win", async () => {
    await cluster.push([
      configMap("a"),
      job("second", helm("pre-install", { "helm.sh/hook-weight": "2" })),
      job(
        "first",
        helm("pre-install", {
          "helm.sh/hook-weight": "1",
          "helm.sh/hook-delete-policy": "hook-succeeded",
        }),
      ),
      job("post", { ...helm("pre-install"), ...hook("PostSync") }),
    ]);
    await cluster.createApplication();
    expect(await names(cluster, jobs)).toEqual(["first"]);
    await jobEnds(cluster, "first", "Complete");
    expect(await names(cluster, jobs)).toEqual(["first", "second"]);
    await jobEnds(cluster, "second", "Complete");
    expect(await names(cluster, jobs)).toEqual(["first", "post", "second"]);
    await jobEnds(cluster, "post", "Complete");
    expect(await names(cluster, jobs)).toEqual(["post", "second"]);
  });
});
