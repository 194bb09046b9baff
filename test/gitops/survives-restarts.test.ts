/** The operator keeps nothing that it cannot do without: killed at any call, a fresh one goes on. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { services } from "../../src/kube/kinds/service.ts";
import { type DyingClient, dyingClient } from "./dying-client.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

describe("a restart", () => {
  let cluster: OperatedCluster;
  beforeEach(async () => {
    cluster = await OperatedCluster.start();
  });
  afterEach(() => cluster.stop());
  const restart = async (): Promise<void> => {
    await cluster.stopOperator();
    await cluster.startOperator();
    await cluster.settle();
  };

  test("of an operator with nothing to do writes nothing", async () => {
    await cluster.push([configMap("a"), SERVICE, SECRET]);
    await cluster.createApplication();
    await cluster.stopOperator();
    const before = cluster.store.revision;
    await cluster.startOperator();
    await cluster.pass(60_000);
    expect(cluster.store.revision).toBe(before);
  });

  test("does not heal what is not to be healed", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await restart();
    expect(await cluster.data("a")).toEqual({ key: "meddled" });
  });

  test("not even after a request has been carried out", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: { automated: {} } });
    await cluster.operate({});
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    await restart();
    expect(await cluster.data("a")).toEqual({ key: "meddled" });
  });

  test("what happened while it was down is made good", async () => {
    await cluster.push([configMap("a"), configMap("gone")]);
    await cluster.createApplication();
    await cluster.stopOperator();
    await cluster.delete(configMaps, "a");
    cluster.repository.push([configMap("a"), configMap("new")]);
    await cluster.startOperator();
    await cluster.settle();
    expect(await cluster.data("a")).toEqual({ key: "value" });
    expect(await cluster.data("new")).toBeDefined();
    expect(await cluster.data("gone")).toBeUndefined();
  });
});

/** Everything that matters in the end. */
async function ending(cluster: OperatedCluster): Promise<object> {
  const { sync, health, resources, history, operationState, rollback } = await cluster.status();
  const kinds = [configMaps, secrets, services];
  const lists = await Promise.all(kinds.map((kind) => cluster.client.list(kind)));
  return {
    objects: lists.flatMap((list) =>
      list.items.map(({ kind, metadata, ...rest }) => [
        kind,
        metadata.name,
        "data" in rest ? rest.data : undefined,
      ]),
    ),
    status: { sync, health, resources, phase: operationState?.phase, rollback },
    revisions: history?.map(({ revision }) => revision),
  };
}

/** A first sync, a commit that changes, adds and prunes across kinds, and a deletion by hand. */
async function story(cluster: OperatedCluster, killed: DyingClient | undefined): Promise<object> {
  cluster.repository.push([configMap("a"), SERVICE, configMap("old")]);
  await cluster.client.create(applications, application({}, "app"));
  await cluster.settle();
  cluster.repository.push([configMap("a", { key: "new" }), SECRET]);
  cluster.operator?.refresh(["default/app"]);
  await cluster.settle();
  if (killed !== undefined) {
    // An abandoned operator goes on watching, but cannot act any more. A fresh one takes over.
    await cluster.startOperator();
    cluster.operator?.refresh(["default/app"]);
    await cluster.settle();
  }
  return ending(cluster);
}

test("killed at any call, before or after it is done, the end is the same", async () => {
  const calm = await OperatedCluster.start();
  const wanted = await story(calm, undefined);
  await calm.stop();
  expect(wanted).toMatchObject({
    objects: [
      ["ConfigMap", "a", { key: "new" }],
      ["Secret", "s", { token: "Y2FuYXJ5" }],
    ],
    status: { sync: { status: "Synced" }, phase: "Succeeded" },
  });
  let kills = 0;
  for (const when of ["before", "after"] as const) {
    for (let killAt = 1; ; killAt++) {
      let killed: DyingClient | undefined;
      const cluster = await OperatedCluster.start({
        wrap: (client) => (killed = dyingClient(client, killAt, when)).client,
      });
      const end = await story(cluster, killed);
      expect({ killAt, when, ...end }).toEqual({
        killAt,
        when,
        ...wanted,
        revisions: revisions(end),
      });
      // What was synced in between is missing from the history when nobody was there to write it.
      expect(revisions(end)?.at(-1)).toBe(revisions(wanted)?.at(-1));
      await cluster.stop();
      if (killed?.state.dead !== true) break;
      kills++;
    }
  }
  expect(kills).toBeGreaterThan(30);
}, 60_000);

const revisions = (end: object): string[] | undefined =>
  (end as { revisions?: string[] }).revisions;

const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "svc" },
  spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
};
const SECRET = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s" },
  stringData: { token: "canary" },
};
