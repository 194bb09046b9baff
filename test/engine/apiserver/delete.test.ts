import { expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import {
  asAdmin,
  configMap,
  deployment,
  inDefault,
  pod,
  served,
  startServer,
} from "./test-server.ts";

const P = inDefault("p");
const gone = { code: 404, reason: "NotFound" };

test("a pod on a node gets its grace period, which can be shortened but not extended", async () => {
  const { client, clock } = await startServer();
  await client.create(pods, pod("p", { nodeName: "n", terminationGracePeriodSeconds: 60 }));
  const marked = await client.delete(pods, P);
  expect(marked.metadata).toMatchObject({
    deletionTimestamp: "2026-01-01T00:01:00Z",
    deletionGracePeriodSeconds: 60,
    generation: 2,
  });
  await clock.advance(5_000);
  const longer = await client.delete(pods, P, { gracePeriodSeconds: 300 });
  expect(longer).toBe(marked);
  const shorter = await client.delete(pods, P, { gracePeriodSeconds: 10 });
  expect(shorter.metadata).toMatchObject({
    deletionTimestamp: "2026-01-01T00:00:10Z",
    deletionGracePeriodSeconds: 10,
    generation: 2,
  });
  await client.delete(pods, P, { gracePeriodSeconds: 0 });
  await expect(client.get(pods, P)).rejects.toMatchObject(gone);
});

test("a pod without a node goes at once", async () => {
  const { client } = await startServer();
  await client.create(pods, pod("p"));
  await client.delete(pods, P);
  await expect(client.get(pods, P)).rejects.toMatchObject(gone);
});

test("a pod with a finalizer waits for it even when killed", async () => {
  const { client } = await startServer();
  const held = {
    ...pod("p", { nodeName: "n" }),
    metadata: { ...P, finalizers: ["example.com/x"] },
  };
  await client.create(pods, held);
  await client.delete(pods, P);
  const killed = await client.delete(pods, P, { gracePeriodSeconds: 0 });
  expect(killed.metadata.deletionGracePeriodSeconds).toBe(0);
  await client.patch(pods, P, { type: "merge", body: { metadata: { finalizers: null } } });
  await expect(client.get(pods, P)).rejects.toMatchObject(gone);
});

test("removing the last finalizer does not cut the grace period short", async () => {
  const { client } = await startServer();
  const held = {
    ...pod("p", { nodeName: "n" }),
    metadata: { ...P, finalizers: ["example.com/x"] },
  };
  await client.create(pods, held);
  await client.delete(pods, P);
  await client.patch(pods, P, { type: "merge", body: { metadata: { finalizers: null } } });
  const waiting = await client.get(pods, P);
  expect(waiting.metadata.deletionGracePeriodSeconds).toBe(30);
});

test.each([
  ["Foreground", ["foregroundDeletion"]],
  ["Orphan", ["orphan"]],
] as const)("%s leaves its finalizer for the garbage collector", async (policy, finalizers) => {
  const { client } = await startServer();
  await client.create(deployments, deployment("web", 1));
  const key = inDefault("web");
  const marked = await client.delete(deployments, key, { propagationPolicy: policy });
  expect(marked.metadata.finalizers).toEqual(finalizers);
  expect(marked.metadata.deletionTimestamp).toBeDefined();
  // A later word replaces the former.
  await client.delete(deployments, key, { propagationPolicy: "Background" });
  await expect(client.get(deployments, key)).rejects.toMatchObject(gone);
});

test("Background deletes at once", async () => {
  const { client } = await startServer();
  await client.create(deployments, deployment("web", 1));
  await client.delete(deployments, inDefault("web"), { propagationPolicy: "Background" });
  await expect(client.get(deployments, inDefault("web"))).rejects.toMatchObject(gone);
});

test("preconditions protect an object of the same name", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, configMap("a"));
  const key = inDefault("a");
  await expect(
    client.delete(configMaps, key, { preconditions: { uid: "other" } }),
  ).rejects.toMatchObject({ code: 409, reason: "Conflict" });
  await expect(
    client.delete(configMaps, key, { preconditions: { resourceVersion: "1" } }),
  ).rejects.toMatchObject({ code: 409 });
  const { uid = "", resourceVersion = "" } = created.metadata;
  await client.delete(configMaps, key, { preconditions: { uid, resourceVersion } });
  await expect(client.get(configMaps, key)).rejects.toMatchObject(gone);
});

test("deleting what is not there is 404; deleting twice changes nothing the second time", async () => {
  const { client } = await startServer();
  await expect(client.delete(configMaps, inDefault("a"))).rejects.toMatchObject(gone);
  const held = {
    ...configMap("a"),
    metadata: { ...inDefault("a"), finalizers: ["example.com/x"] },
  };
  await client.create(configMaps, held);
  const first = await client.delete(configMaps, inDefault("a"));
  expect(await client.delete(configMaps, inDefault("a"))).toBe(first);
});

test("a dry run deletes nothing", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, configMap("a"));
  await client.delete(configMaps, inDefault("a"), { dryRun: true });
  expect(await client.get(configMaps, inDefault("a"))).toBe(created);
});

test("the answer says whether the object is gone", async () => {
  const { server, client } = await startServer();
  await client.create(configMaps, configMap("a"));
  const kind = served(server, configMaps);
  expect(await server.delete(asAdmin, { kind, ...inDefault("a") })).toMatchObject({
    deleted: true,
    encoded: { object: { metadata: { name: "a" } } },
  });
});

test("deleteCollection takes what matches, and each by its own rules", async () => {
  const { client } = await startServer();
  const labelled = (name: string, app: string, finalizers: string[] = []) => ({
    ...configMap(name),
    metadata: { ...inDefault(name), labels: { app }, finalizers },
  });
  await client.create(configMaps, labelled("a", "web"));
  await client.create(configMaps, labelled("b", "web", ["example.com/x"]));
  await client.create(configMaps, labelled("c", "db"));
  await client.deleteCollection(configMaps, { namespace: "default", labelSelector: "app=web" });
  const { items } = await client.list(configMaps);
  expect(
    items.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp !== undefined]),
  ).toEqual([
    ["b", true],
    ["c", false],
  ]);
});

test("a namespace stays, Terminating, until it is finalized", async () => {
  const { client } = await startServer();
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } });
  const marked = await client.delete(namespaces, { name: "x" });
  expect(marked).toMatchObject({ status: { phase: "Terminating" } });
  const kept = await client.update(namespaces, {
    ...(marked as typeof marked & object),
    spec: {},
  } as never);
  expect(kept).toMatchObject({ spec: { finalizers: ["kubernetes"] } });
  await client.update(namespaces, { ...kept, spec: {} } as never, { subresource: "finalize" });
  await expect(client.get(namespaces, { name: "x" })).rejects.toMatchObject(gone);
});

test.each(["default", "kube-system", "kube-public"])(
  "namespace %s cannot be deleted",
  async (name) => {
    const { client } = await startServer();
    if (name !== "default") {
      await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    await expect(client.delete(namespaces, { name })).rejects.toMatchObject({
      code: 403,
      reason: "Forbidden",
    });
  },
);
