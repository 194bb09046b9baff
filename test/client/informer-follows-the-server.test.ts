import { afterEach, expect, test } from "vitest";
import type { CacheChange } from "../../src/client/object-cache.ts";
import { Informer, type InformerOptions } from "../../src/client/informer.ts";
import type { Resource } from "../../src/kube/kind.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { StatusError } from "../../src/kube/status-error.ts";
import { ManualClock } from "../manual-clock.ts";
import { ScriptedClient } from "./scripted-client.ts";

interface Thing extends KubeObject {
  color?: string;
}
const things: Resource<Thing> = {
  group: "test.dev",
  version: "v1",
  kind: "Thing",
  plural: "things",
  namespaced: true,
};

function thing(
  name: string,
  resourceVersion: number,
  extra: Partial<Thing> & { uid?: string } = {},
): Thing {
  const { uid = `uid-${name}`, ...rest } = extra;
  return {
    apiVersion: "test.dev/v1",
    kind: "Thing",
    metadata: { namespace: "a", name, uid, resourceVersion: String(resourceVersion) },
    ...rest,
  };
}

const abort = { current: new AbortController() };
afterEach(() => {
  abort.current.abort();
  abort.current = new AbortController();
});

function start(client: ScriptedClient, options: InformerOptions = {}) {
  const clock = new ManualClock();
  const informer = new Informer<Thing>(client, things, { clock, random: () => 0, ...options });
  const seen: string[] = [];
  informer.onChange((change: CacheChange<Thing>) => {
    seen.push(`${change.type} ${change.object.metadata.name}@${informer.resourceVersion}`);
  });
  const stopped = informer.run(abort.current.signal);
  return { informer, clock, seen, stopped };
}

test("lists, then applies events in order, exposing the revision to handlers", async () => {
  const client = new ScriptedClient();
  client.lists.push({ items: [thing("one", 3)], resourceVersion: "5" });
  const { informer, seen, stopped } = start(client);
  expect(informer.hasSynced).toBe(false);
  await informer.synced;
  expect(informer.revision).toBe(5);
  const watch = await client.watched(0);
  expect(watch.options).toMatchObject({ resourceVersion: "5", allowBookmarks: true });
  watch.send({ type: "ADDED", object: thing("two", 6) });
  watch.send({ type: "MODIFIED", object: thing("one", 7, { color: "red" }) });
  watch.send({ type: "DELETED", object: thing("two", 8) });
  watch.send({ type: "BOOKMARK", resourceVersion: "20", initialEventsEnd: false });
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(["ADDED one@5", "ADDED two@6", "MODIFIED one@7", "DELETED two@8"]);
  expect(informer.list().map((object) => object.color)).toEqual(["red"]);
  expect(Object.isFrozen(informer.get("a/one")?.metadata)).toBe(true);
  expect(informer.resourceVersion).toBe("20");
  abort.current.abort();
  await stopped;
});

test("resumes from the last revision when the stream ends or breaks", async () => {
  const client = new ScriptedClient();
  client.lists.push({ items: [], resourceVersion: "5" });
  const { clock } = start(client);
  const first = await client.watched(0);
  first.send({ type: "ADDED", object: thing("one", 9) });
  first.end();
  await clock.advance(100);
  const second = await client.watched(1);
  expect(second.options.resourceVersion).toBe("9");
  second.fail(new Error("connection reset"));
  await clock.advance(200);
  expect((await client.watched(2)).options.resourceVersion).toBe("9");
  expect(client.listCalls).toHaveLength(1);
});

test("lists again on 410 and reports only differences, a replaced object as two", async () => {
  const client = new ScriptedClient();
  client.lists.push(
    {
      items: [thing("same", 1), thing("changed", 2), thing("gone", 3), thing("reborn", 4)],
      resourceVersion: "5",
    },
    {
      items: [
        thing("same", 1),
        thing("changed", 8),
        thing("reborn", 9, { uid: "other" }),
        thing("new", 10),
      ],
      resourceVersion: "11",
    },
  );
  const { informer, seen, clock } = start(client);
  await informer.synced;
  seen.length = 0;
  (await client.watched(0)).expire();
  await clock.advance(1_000);
  await client.watched(1);
  expect(seen).toEqual([
    "DELETED gone@11",
    "MODIFIED changed@11",
    "DELETED reborn@11",
    "ADDED reborn@11",
    "ADDED new@11",
  ]);
});

test("backs off while the server is down, then recovers", async () => {
  const client = new ScriptedClient();
  const down = new Error("connect ECONNREFUSED");
  client.lists.push(down, down, down, { items: [], resourceVersion: "1" });
  const { informer, clock } = start(client, { backoff: { initialMs: 100, maxMs: 1_000 } });
  await clock.advance(199);
  expect(client.listCalls).toHaveLength(1);
  await clock.advance(1);
  expect(client.listCalls).toHaveLength(2);
  await clock.advance(399);
  expect(client.listCalls).toHaveLength(2);
  await clock.advance(801);
  expect(informer.hasSynced).toBe(true);
});

test("a server that always answers 410 to the watch is not asked in a hot loop", async () => {
  const client = new ScriptedClient();
  for (let i = 0; i < 100; i++) client.lists.push({ items: [], resourceVersion: "1" });
  const { clock } = start(client, { backoff: { initialMs: 100, maxMs: 10_000 } });
  for (let i = 0; i < 100; i++) {
    for (const watch of client.watches) watch.expire();
    await clock.advance(100);
  }
  expect(client.listCalls.length).toBeLessThan(9);
});

test("pages through a list when asked to", async () => {
  const client = new ScriptedClient();
  client.lists.push(
    { items: [thing("one", 1)], resourceVersion: "5", continue: "more" },
    { items: [thing("two", 2)], resourceVersion: "5" },
  );
  const { informer } = start(client, { pageSize: 1, labelSelector: "x=y" });
  await informer.synced;
  expect(informer.list()).toHaveLength(2);
  expect(client.listCalls[1]).toMatchObject({ continue: "more", limit: 1, labelSelector: "x=y" });
});

test("a page that expired restarts the list", async () => {
  const client = new ScriptedClient();
  client.lists.push(
    { items: [thing("one", 1)], resourceVersion: "5", continue: "more" },
    StatusError.of("Expired", "the continue token is too old"),
    { items: [thing("one", 1)], resourceVersion: "6" },
  );
  const { informer, clock } = start(client, { pageSize: 1 });
  await clock.advance(1_000);
  expect(informer.hasSynced).toBe(true);
  expect(informer.list()).toHaveLength(1);
});

test("synced rejects when stopped before the first list", async () => {
  const client = new ScriptedClient();
  client.lists.push(new Error("down"));
  const { informer, stopped } = start(client);
  abort.current.abort(new Error("stopping"));
  await stopped;
  await expect(informer.synced).rejects.toThrow("stopping");
});
