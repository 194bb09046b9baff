import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { pod, podEnds, podReady, setStatus } from "../cluster-players.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

const MINUTE_MS = 60_000;

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

/** A pod stands for the workload: a label tells the versions apart. */
const objects = (n: number): object[] => [
  configMap("a", { version: String(n) }),
  { ...pod("web"), metadata: { name: "web", labels: { version: String(n) } } },
];
const current = async (): Promise<string | undefined> => (await cluster.data("a"))?.["version"];
const condition = async (type: string) =>
  (await cluster.status()).conditions?.find((found) => found.type === type);
const starting = () => setStatus(cluster, pods, "web", { phase: "Pending", conditions: [] });
const policy = (timeout?: string, more: object = {}) => ({
  syncPolicy: {
    automated: { prune: true, selfHeal: true },
    automaticRollback: timeout === undefined ? {} : { timeout },
    ...more,
  },
});

/** The first revision is healthy, and the second is not. */
async function badRevision(spec = policy()): Promise<{ first: string; second: string }> {
  const first = await cluster.push(objects(1));
  await cluster.createApplication(spec);
  await podReady(cluster, "web");
  expect((await cluster.status()).lastHealthy?.revision).toBe(first);
  await starting();
  const second = await cluster.push(objects(2));
  expect(await current()).toBe("2");
  return { first, second };
}

test("a revision that is not healthy in time is gone back from, and stays out", async () => {
  const { first, second } = await badRevision();
  await cluster.pass(4.9 * MINUTE_MS);
  expect(await current()).toBe("2");
  await cluster.pass(0.2 * MINUTE_MS);
  expect(await current()).toBe("1");
  await podReady(cluster, "web");
  const reason = expect.stringMatching(
    /^000200000000 is not healthy after 300 s: Progressing/,
  ) as string;
  expect(await cluster.status()).toMatchObject({
    sync: { status: "Synced", revision: first },
    health: { status: "Healthy" },
    rollback: { revision: first, insteadOf: second, automatic: true, reason },
    history: [{ revision: first }, { revision: second }, { revision: first, rollback: reason }],
  });
  expect(await condition("RolledBack")).toMatchObject({
    reason: "AutomaticRollback",
    message: expect.stringContaining("is not healthy after 300 s") as string,
  });
  expect(await cluster.events("AutomaticRollback")).toHaveLength(1);
  await cluster.pass(30 * MINUTE_MS);
  expect(await current()).toBe("1");
});

test("the next commit is let in, and can be gone back from as well", async () => {
  const { first } = await badRevision(policy("1m"));
  await cluster.pass(MINUTE_MS);
  await podReady(cluster, "web");
  await starting();
  const third = await cluster.push(objects(3));
  expect(await current()).toBe("3");
  expect((await cluster.status()).rollback).toBeUndefined();
  expect(await condition("RolledBack")).toBeUndefined();
  await cluster.pass(MINUTE_MS);
  expect(await current()).toBe("1");
  expect((await cluster.status()).rollback).toMatchObject({ revision: first, insteadOf: third });
});

test("what can never become healthy is gone back from at once", async () => {
  const { first } = await badRevision();
  await podEnds(cluster, "web", "Failed", "no such image");
  expect(await current()).toBe("1");
  expect((await cluster.status()).rollback).toMatchObject({
    revision: first,
    reason: expect.stringContaining("became Degraded") as string,
  });
});

test("a sync that fails for good is gone back from", async () => {
  const spec = policy("5m", { retry: { limit: 1, backoff: { duration: "5s" } } });
  const first = await cluster.push(objects(1));
  await cluster.createApplication(spec);
  await podReady(cluster, "web");
  await cluster.push([
    configMap("a", { version: "2" }),
    { ...configMap("bad"), data: { "not/a/key": "x" } },
  ]);
  expect(await current()).toBe("2");
  await cluster.pass(10_000);
  expect(await current()).toBe("1");
  expect((await cluster.status()).rollback).toMatchObject({
    revision: first,
    reason: expect.stringContaining("cannot be synced") as string,
  });
});

test("health that is waited for in the middle of a sync is waited for no longer", async () => {
  await cluster.push([configMap("a", { version: "1" })]);
  await cluster.createApplication(policy("1m"));
  const later = {
    ...configMap("later"),
    metadata: { name: "later", annotations: { "argocd.argoproj.io/sync-wave": "1" } },
  };
  await cluster.push([...objects(2), later]);
  expect((await cluster.status()).operationState?.phase).toBe("Running");
  await cluster.pass(MINUTE_MS);
  expect(await current()).toBe("1");
  expect(await cluster.data("later")).toBeUndefined();
  expect((await cluster.status()).sync?.status).toBe("Synced");
});

test("a hook that takes long before has its own time", async () => {
  await cluster.push(objects(1));
  await cluster.createApplication(policy("1m"));
  await podReady(cluster, "web");
  const migrate = pod(
    "migrate",
    { "argocd.argoproj.io/hook": "PreSync" },
    { restartPolicy: "Never" },
  );
  const waits = {
    ...pod("canary"),
    metadata: { name: "canary", annotations: { "argocd.argoproj.io/sync-wave": "-1" } },
  };
  await cluster.push([migrate, waits, ...objects(2)]);
  await cluster.pass(10 * MINUTE_MS);
  expect((await cluster.status()).operationState?.phase).toBe("Running");
  await podEnds(cluster, "migrate", "Succeeded");
  await cluster.pass(0.9 * MINUTE_MS);
  expect((await cluster.status()).rollback).toBeUndefined();
  await cluster.pass(0.2 * MINUTE_MS);
  expect((await cluster.status()).rollback).toMatchObject({ automatic: true });
  await cluster.pass(1_000);
  expect(await cluster.find(pods, "canary")).toBeUndefined();
});

describe("the deadline survives a restart", () => {
  test("it has passed meanwhile", async () => {
    await badRevision(policy("1m"));
    await cluster.stopOperator();
    await cluster.clock.advance(10 * MINUTE_MS);
    await cluster.startOperator();
    await cluster.settle();
    expect(await current()).toBe("1");
  });

  test("it has not", async () => {
    await badRevision(policy("10m"));
    await cluster.stopOperator();
    await cluster.clock.advance(5 * MINUTE_MS);
    await cluster.startOperator();
    await cluster.settle();
    expect(await current()).toBe("2");
    await cluster.pass(5 * MINUTE_MS);
    expect(await current()).toBe("1");
  });

  test("it has become healthy meanwhile: what was written before the restart does not count", async () => {
    await badRevision(policy("1m"));
    await cluster.stopOperator();
    await podReady(cluster, "web");
    await cluster.clock.advance(10 * MINUTE_MS);
    await cluster.startOperator();
    await cluster.settle();
    expect(await current()).toBe("2");
    expect((await cluster.status()).rollback).toBeUndefined();
  });
});

test("the old revision is not healthy either: that is said, and nothing else is tried", async () => {
  const { first } = await badRevision(policy("1m"));
  await cluster.pass(MINUTE_MS);
  expect(await current()).toBe("1");
  await cluster.pass(MINUTE_MS);
  expect(await condition("RollbackFailed")).toMatchObject({
    message: expect.stringMatching(
      /^000100000000, which was gone back to, is not healthy either: Progressing/,
    ) as string,
  });
  await cluster.pass(20 * MINUTE_MS);
  const { history } = await cluster.status();
  expect(history).toHaveLength(3);
  expect(history?.at(-1)?.revision).toBe(first);
  expect(await cluster.events("NotHealthy")).toHaveLength(1);
});

test("there is nothing to go back to: that is said", async () => {
  await cluster.push(objects(1));
  await cluster.createApplication(policy("1m"));
  await cluster.pass(MINUTE_MS);
  expect((await condition("RollbackFailed"))?.message).toContain("there is no healthy revision");
  await podReady(cluster, "web");
  expect(await condition("RollbackFailed")).toBeUndefined();
});

describe("nothing is gone back from", () => {
  test("when it becomes healthy in time, and fails later", async () => {
    await badRevision(policy("1m"));
    await cluster.pass(0.5 * MINUTE_MS);
    await podReady(cluster, "web");
    await podEnds(cluster, "web", "Failed", "later");
    await cluster.pass(10 * MINUTE_MS);
    expect(await current()).toBe("2");
  });

  test("while it is suspended", async () => {
    await badRevision(policy("1m"));
    await cluster.change({ spec: { suspend: true } });
    await cluster.pass(10 * MINUTE_MS);
    expect(await current()).toBe("2");
  });
});

test("a deny window does not keep anybody from going back", async () => {
  const windows = [{ kind: "deny" as const, schedule: "3 0 * * *", duration: "8h" }];
  await badRevision(policy("5m", { windows }));
  await cluster.pass(6 * MINUTE_MS);
  expect(await current()).toBe("1");
});

test("a sync on request of the bad revision lets it in again", async () => {
  const { second } = await badRevision(policy("1m"));
  await cluster.pass(MINUTE_MS);
  await podReady(cluster, "web");
  await cluster.operate({});
  expect(await current()).toBe("2");
  expect((await cluster.status()).rollback).toBeUndefined();
  await podReady(cluster, "web");
  expect((await cluster.status()).lastHealthy?.revision).toBe(second);
});

test("drift is healed to the revision that was gone back to", async () => {
  await badRevision(policy("1m"));
  await cluster.pass(MINUTE_MS);
  await cluster.meddle(configMaps, "a", { data: { version: "meddled" } });
  expect(await current()).toBe("1");
});
