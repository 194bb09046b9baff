/**
 * kill -9 at every write of a sync with waves and hooks, before or after the write is done: a fresh
 * operator ends in the same state, and no hook runs more often than the syncs that were made.
 */
import { expect, test } from "vitest";
import type { Resource } from "../../src/kube/kind.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { type Job, jobs } from "../../src/kube/kinds/job.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { hook, job, jobEnds, pod, podReady, wave } from "./cluster-players.ts";
import { type DyingClient, dyingClient } from "./dying-client.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

const inWave = (name: string, number: number, data = { key: "value" }): object => ({
  ...configMap(name, data),
  metadata: { name, annotations: wave(number) },
});
const HOOKS = [
  job("migrate", hook("PreSync")),
  job("report-", { ...hook("PostSync", "HookSucceeded"), ...wave(1) }),
  job("self-removing", hook("PostSync"), { ttlSecondsAfterFinished: 0 }),
];
const FIRST = [...HOOKS, inWave("early", -1), pod("server"), inWave("late", 1), inWave("gone", 2)];
const SECOND = [
  ...HOOKS,
  inWave("early", -1, { key: "new" }),
  pod("server"),
  inWave("late", 1),
  inWave("added", 0),
];

/** The Job controller and the node: whatever is there gets done, once for each object. */
class Players {
  /** Each Job that was ever made, by uid. */
  readonly ran = new Map<string, string>();
  readonly #cluster: OperatedCluster;
  constructor(cluster: OperatedCluster) {
    this.#cluster = cluster;
  }

  async play(): Promise<boolean> {
    const cluster = this.#cluster;
    const { items } = await cluster.client.list(jobs);
    const due = items.filter((it: Job) => it.status?.conditions === undefined && !isGoing(it));
    for (const { metadata } of due) {
      this.ran.set(metadata.uid ?? "", metadata.name.replace(/-[0-9a-f]{7}-.*/, "-"));
      await jobEnds(cluster, metadata.name, "Complete");
      if (metadata.name === "self-removing") await cluster.delete(jobs, metadata.name);
    }
    const server = await cluster.find(pods, "server");
    const isPending = server !== undefined && server.status?.phase !== "Running";
    if (isPending) await podReady(cluster, "server");
    return due.length > 0 || isPending;
  }

  async playOut(): Promise<void> {
    do await this.#cluster.settle();
    while (await this.play());
    await this.#cluster.settle();
  }
}
const isGoing = ({ metadata }: Job): boolean => metadata.deletionTimestamp !== undefined;

interface End {
  readonly data: Readonly<Record<string, unknown>>;
  readonly jobs: readonly string[];
  readonly status: object;
  readonly ran: Readonly<Record<string, number>>;
}

async function story(
  cluster: OperatedCluster,
  killed: () => DyingClient | undefined,
): Promise<End> {
  const players = new Players(cluster);
  const restart = async (): Promise<void> => {
    if (killed()?.state.dead !== true || cluster.operator === undefined) return;
    // The abandoned operator goes on watching, but can do nothing any more.
    await cluster.startOperator();
    await cluster.settle();
  };
  cluster.repository.push(FIRST);
  await cluster.client.create(applications, application({}, "app"));
  await players.playOut();
  if (killed()?.state.dead === true) {
    await restart();
    await players.playOut();
  }
  const isRestarted = killed()?.state.dead === true;
  cluster.repository.push(SECOND);
  cluster.operator?.refresh(["default/app"]);
  await players.playOut();
  if (!isRestarted && killed()?.state.dead === true) {
    await restart();
    await players.playOut();
  }
  // Nothing is left to be done later.
  await cluster.pass(60_000);
  await players.playOut();
  const status = await cluster.status();
  const lists = await cluster.client.list(configMaps);
  const ran: Record<string, number> = {};
  for (const name of players.ran.values()) ran[name] = (ran[name] ?? 0) + 1;
  return {
    data: Object.fromEntries(lists.items.map(({ metadata, data }) => [metadata.name, data])),
    jobs: (await cluster.client.list(jobs)).items.map(({ metadata }) => metadata.name).sort(),
    status: {
      sync: status.sync,
      health: status.health,
      resources: status.resources,
      phase: status.operationState?.phase,
      hooks: status.operationState?.syncResult?.resources
        ?.filter(({ hookPhase }) => hookPhase !== undefined)
        .map(({ syncPhase, hookPhase }) => [syncPhase, hookPhase]),
      lastSynced: status.lastSynced,
    },
    ran,
  };
}

test("killed at any write, the end is the same, and each hook ran once for each sync", async () => {
  const calm = await OperatedCluster.start();
  const wanted = await story(calm, () => undefined);
  await calm.stop();
  expect(wanted).toMatchObject({
    data: { early: { key: "new" }, late: { key: "value" }, added: { key: "value" } },
    jobs: ["migrate"],
    status: {
      sync: { status: "Synced" },
      phase: "Succeeded",
      hooks: [
        ["PreSync", "Succeeded"],
        ["PostSync", "Succeeded"],
        ["PostSync", "Succeeded"],
      ],
    },
    ran: { migrate: 2, "report-": 2, "self-removing": 2 },
  });
  expect(wanted.data["gone"]).toBeUndefined();
  let kills = 0;
  for (const when of ["before", "after"] as const) {
    for (let killAt = 1; ; killAt++) {
      let killed: DyingClient | undefined;
      const cluster = await OperatedCluster.start({
        wrap: (client) => (killed = dyingClient(client, killAt, when, "writes")).client,
      });
      const end = await story(cluster, () => killed);
      expect({ killAt, when, ...end }).toEqual({ killAt, when, ...wanted });
      await cluster.stop();
      if (killed?.state.dead !== true) break;
      kills++;
    }
  }
  expect(kills).toBeGreaterThan(60);
}, 120_000);

/** An Application with hooks at both ends is deleted. */
async function deletion(
  cluster: OperatedCluster,
  killed: () => DyingClient | undefined,
): Promise<object> {
  const players = new Players(cluster);
  const finalizers = ["resources-finalizer.argocd.argoproj.io"];
  const app = application({}, "app");
  cluster.repository.push([
    job("backup", hook("PreDelete")),
    job("farewell-", hook("PostDelete")),
    inWave("low", 0),
    inWave("high", 1),
  ]);
  await cluster.client.create(applications, { ...app, metadata: { ...app.metadata, finalizers } });
  await players.playOut();
  const goOn = async (): Promise<void> => {
    if (killed()?.state.dead !== true) return;
    await cluster.startOperator();
    await players.playOut();
  };
  const wasDead = killed()?.state.dead === true;
  await goOn();
  await cluster.client.delete(applications, { namespace: "default", name: "app" });
  await players.playOut();
  if (!wasDead) await goOn();
  await cluster.pass(10_000);
  await players.playOut();
  const kinds: readonly Resource[] = [applications, configMaps, jobs];
  const left = await Promise.all(kinds.map((kind) => cluster.client.list(kind)));
  return {
    left: left.flatMap(({ items }) => items.map(({ metadata }) => metadata.name)),
    ran: [...players.ran.values()].sort(),
  };
}

test("killed at any write of a deletion: all is gone in the end, each hook ran once", async () => {
  let kills = 0;
  for (const when of ["before", "after"] as const) {
    for (let killAt = 1; ; killAt++) {
      let killed: DyingClient | undefined;
      const cluster = await OperatedCluster.start({
        wrap: (client) => (killed = dyingClient(client, killAt, when, "writes")).client,
      });
      const end = await deletion(cluster, () => killed);
      expect({ killAt, when, ...end }).toEqual({
        killAt,
        when,
        left: [],
        ran: ["backup", "farewell-"],
      });
      await cluster.stop();
      if (killed?.state.dead !== true) break;
      kills++;
    }
  }
  expect(kills).toBeGreaterThan(20);
}, 60_000);
