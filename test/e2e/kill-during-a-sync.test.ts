/**
 * kill -9 of the real program while it syncs hooks, waves, a chart, a custom kind, and objects that
 * are pruned or move to another Application: in the end the cluster is as if nothing had happened.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { WorkTree } from "../git-fixture.ts";
import { deploymentOf, serviceOf } from "./app-manifests.ts";
import { isSettled, serviceUrl, until, untilAllSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";
import { processesBelow } from "./processes.ts";
import { randomFrom } from "./seeded-random.ts";
import { HELM, SANDBOX_FLAGS } from "./stock-renderers.ts";

const KILLS = Number(process.env["KILLS"] ?? 12);
/** From before the operator looks for the first time to after the last hook. */
const SHORTEST_LIFE_MS = 300;
const LONGEST_LIFE_MS = 2_200;
const TIMEOUT_MS = 60_000 + KILLS * 10_000;
/** Every commit touches all of them. */
const CHILDREN = ["left", "right", "chart"];

const json = (...objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object, undefined, 2)).join("\n---\n");
const configMap = (name: string, version: number, wave = 0): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, annotations: { "argocd.argoproj.io/sync-wave": String(wave) } },
  data: { version: String(version) },
});
const application = (name: string, path: string): object => ({
  apiVersion: "gantry.dev/v1",
  kind: "Application",
  metadata: { name, finalizers: ["resources-finalizer.gantry.dev"] },
  spec: {
    source: { repoURL: ".", path },
    destination: { namespace: "default" },
    syncPolicy: { automated: { prune: true, selfHeal: true } },
  },
});
const CRD = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
          },
        },
      },
    ],
  },
};

/** The repository at a version. Each hook adds a line to `log`. */
function files(version: number, log: string): Record<string, string> {
  const hook = (phase: string): object => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: phase.toLowerCase(),
      annotations: { "argocd.argoproj.io/hook": phase },
    },
    spec: {
      backoffLimit: 4,
      template: {
        spec: {
          restartPolicy: "Never",
          containers: [
            {
              name: "hook",
              image: "busybox",
              command: ["/bin/sh", "-c", `echo ${phase} ${version} >> '${log}'`],
            },
          ],
        },
      },
    },
  });
  const inWave = (wave: number, object: object): object => ({
    ...object,
    metadata: {
      ...(object as KubeObject).metadata,
      annotations: { "argocd.argoproj.io/sync-wave": String(wave) },
    },
  });
  const moving = configMap("moving", version);
  const isLeft = version % 2 === 0;
  return {
    "root/applications.json": json(
      application("left", "left"),
      application("right", "right"),
      application("chart", "chart"),
    ),
    "left/hooks.json": json(hook("PreSync"), hook("PostSync")),
    "left/waves.json": json(
      configMap("early", version, -1),
      inWave(0, deploymentOf({ version: String(version) })),
      inWave(0, serviceOf()),
      configMap("late", version, 1),
    ),
    // Another name each time: the one before is pruned.
    "left/named.json": json(configMap(`named-${version}`, version)),
    "left/moving.json": isLeft ? json(moving) : "",
    "right/moving.json": isLeft ? "" : json(moving),
    "right/widget.json": json(
      {
        apiVersion: "example.com/v1",
        kind: "Widget",
        metadata: { name: "w" },
        spec: { size: version },
      },
      CRD,
    ),
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/values.yaml": `version: ${version}\n`,
    "chart/templates/all.yaml":
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-values\ndata:\n  version: "{{ .Values.version }}"\n',
  };
}

/** Made by controllers, under names of their own. */
const DERIVED = new Set(["Event", "Pod", "ReplicaSet", "EndpointSlice", "Endpoints", "Lease"]);

/** All that was declared, or left over, without what differs from cluster to cluster. */
async function stateOf(gantry: GantryProcess): Promise<Record<string, unknown>> {
  const client = await gantry.client();
  const state: Record<string, unknown> = {};
  for (const resource of await client.resources()) {
    if (DERIVED.has(resource.kind)) continue;
    const { items } = await client.list(resource);
    for (const object of items) {
      const { metadata, kind } = object;
      // Holds the certificate of the cluster, of which each has its own.
      if (metadata.name === "kube-root-ca.crt") continue;
      state[`${kind} ${metadata.namespace ?? ""}/${metadata.name}`] = declared(object);
    }
  }
  return state;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const SERVICE_ADDRESS = /127\.\d+\.\d+\.\d+/g;
const OF_ONE_CLUSTER = new Set([
  "gantry.dev/hook-run",
  "gantry.dev/addresses",
  "deployment.kubernetes.io/revision",
]);

function declared(object: KubeObject): unknown {
  const { metadata, status, ...rest } = object as KubeObject & { status?: unknown };
  const { labels = {}, annotations = {}, finalizers = [], deletionTimestamp } = metadata;
  const kept = Object.entries(annotations).filter(([name]) => !OF_ONE_CLUSTER.has(name));
  const { sync, health, resources, operationState } = (object as Application).status ?? {};
  const whole = {
    ...rest,
    labels,
    annotations: Object.fromEntries(kept),
    finalizers,
    deletionTimestamp,
    ...(object.kind === "Application"
      ? { status: { sync: sync?.status, health, resources, phase: operationState?.phase } }
      : {}),
    ...(object.kind === "Job"
      ? { succeeded: (status as { succeeded?: number } | undefined)?.succeeded }
      : {}),
  };
  const text = JSON.stringify(whole)
    .replace(UID, "uid")
    .replace(TIME, "time")
    .replace(SERVICE_ADDRESS, "address");
  return JSON.parse(text);
}

describe("kill -9 during a sync", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
  const random = randomFrom(seed);
  let gantry: GantryProcess;
  let calm: GantryProcess;
  let work: WorkTree;
  let version = 0;

  beforeAll(async () => {
    [gantry, calm] = await Promise.all([
      GantryProcess.create({ programs: [HELM] }),
      GantryProcess.create({ programs: [HELM] }),
    ]);
    work = await WorkTree.init(join(gantry.home, "repo"));
  });
  afterAll(async () => {
    await gantry?.dispose();
    await calm?.dispose();
  });

  const log = (): string => join(gantry.home, "hooks.log");
  const flags = (): string[] => ["--repo", work.path, "--path", "root", ...SANDBOX_FLAGS];
  function commit(): Promise<string> {
    version++;
    return work.commit(files(version, log()), `version ${version}`);
  }
  async function settle(process: GantryProcess, revision: string): Promise<void> {
    await process.up(...flags());
    const client = await process.client();
    for (const name of CHILDREN)
      await until(client, applications, name, (one) => isSettled(one, revision));
    await untilAllSettled(client, ["default", ...CHILDREN]);
  }
  /** Mostly with a commit on the way; else it goes on with what the one before has left. */
  async function lifeEndedInASync(): Promise<void> {
    const lifeMs = SHORTEST_LIFE_MS + random() * (LONGEST_LIFE_MS - SHORTEST_LIFE_MS);
    const commitAtMs = random() < 0.3 ? undefined : random() * Math.min(lifeMs, 1_500);
    gantry.spawn("up", ...flags());
    await pause(commitAtMs ?? 0);
    if (commitAtMs !== undefined) await commit();
    await pause(lifeMs - (commitAtMs ?? 0));
    await gantry.kill();
    expect((await verifyStore(join(gantry.dataDir, "db"))).problems).toEqual([]);
  }

  test(`at ${KILLS} moments, seed ${seed}: the end is that of a quiet run, and nothing is left over`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await settle(gantry, await commit());
    await gantry.kill();
    for (let kill = 0; kill < KILLS; kill++) await lifeEndedInASync();
    // Whatever it was killed at, the last version has not been seen before.
    const revision = await commit();
    await settle(gantry, revision);
    const url = new URL(await serviceUrl(await gantry.client(), "app"));
    expect(await ask(url)).toBe(String(version));
    const state = await stateOf(gantry);
    // The program and the shell that notes its exit code: what was stopped may take a moment.
    await expect
      .poll(() => processesBelow(gantry.podsDirectory).length, { timeout: 15_000 })
      .toBe(2);
    const ran = (await readFile(log(), "utf8")).trim().split("\n");
    await gantry.kill();

    await settle(calm, revision);
    expect({ seed, state }).toEqual({ seed, state: await stateOf(calm) });
    expect(Object.keys(state).filter((name) => name.includes("/named-"))).toEqual([
      `ConfigMap default/named-${version}`,
    ]);
    expect(state["Job default/presync"]).toMatchObject({ succeeded: 1 });
    expect(state["ConfigMap default/chart-values"]).toMatchObject({
      data: { version: String(version) },
    });
    expect(ran).toContain(`PreSync ${version}`);
    expect(ran).toContain(`PostSync ${version}`);
    for (const [at, line] of ran.entries()) {
      const [phase, of] = line.split(" ");
      if (phase === "PostSync")
        expect(ran.indexOf(`PreSync ${of}`)).toSatisfy((i) => i >= 0 && i < at);
    }
  });
});
