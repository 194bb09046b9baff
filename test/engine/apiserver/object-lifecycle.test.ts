import { expect, test } from "vitest";
import type { WatchEvent } from "../../../src/client/client.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { configMap, startServer } from "./test-server.ts";

test("an object is created, read, listed, changed, deleted, and a watch sees all of it", async () => {
  const { client } = await startServer();
  const before = await client.list(configMaps, { namespace: "default" });
  const created = await client.create(configMaps, configMap("a", { key: "1" }));
  expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(created.metadata.creationTimestamp).toBe("2026-01-01T00:00:00Z");
  expect(await client.get(configMaps, { namespace: "default", name: "a" })).toBe(created);
  const listed = await client.list(configMaps, { namespace: "default" });
  expect(listed.items).toEqual([created]);

  const updated = await client.update(configMaps, { ...created, data: { key: "2" } });
  expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(
    Number(created.metadata.resourceVersion),
  );
  const key = { namespace: "default", name: "a" };
  const patched = await client.patch(configMaps, key, {
    type: "merge",
    body: { data: { other: "3" } },
  });
  expect(patched.data).toEqual({ key: "2", other: "3" });
  const gone = await client.delete(configMaps, key);
  await expect(client.get(configMaps, key)).rejects.toMatchObject({ code: 404 });

  const events: WatchEvent<KubeObject>[] = [];
  for await (const event of client.watch(configMaps, {
    namespace: "default",
    resourceVersion: before.resourceVersion,
  })) {
    events.push(event);
    if (event.type === "DELETED") break;
  }
  expect(events.map((event) => event.type)).toEqual(["ADDED", "MODIFIED", "MODIFIED", "DELETED"]);
  expect(events.at(-1)).toEqual({ type: "DELETED", object: gone });
});

test("a write that changes nothing makes neither a revision nor an event", async () => {
  const { client, store } = await startServer();
  const created = await client.create(configMaps, configMap("a", { key: "1" }));
  const revision = store.revision;
  const again = await client.update(configMaps, { ...created, data: { key: "1" } });
  expect(again.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
  expect(store.revision).toBe(revision);
});

test("of two updates that saw the same state one wins and the other gets a conflict", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, configMap("a"));
  const results = await Promise.allSettled(
    ["1", "2"].map((value) => client.update(configMaps, { ...created, data: { key: value } })),
  );
  expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
  const rejected = results.find((result) => result.status === "rejected");
  expect(rejected?.reason).toMatchObject({ code: 409, reason: "Conflict" });
});

test("patches that come together are applied one after the other, none is lost", async () => {
  const { client } = await startServer();
  await client.create(configMaps, configMap("a"));
  const key = { namespace: "default", name: "a" };
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      client.patch(configMaps, key, { type: "merge", body: { data: { [`k${index}`]: "v" } } }),
    ),
  );
  const { data } = await client.get(configMaps, key);
  expect(Object.keys(data ?? {})).toHaveLength(50);
});

test("a dry run computes everything and stores nothing", async () => {
  const { client, store } = await startServer();
  const revision = store.revision;
  const created = await client.create(configMaps, configMap("a"), { dryRun: true });
  expect(created.metadata.uid).toBeDefined();
  expect(store.revision).toBe(revision);
  await expect(client.get(configMaps, { namespace: "default", name: "a" })).rejects.toMatchObject({
    code: 404,
  });
});
