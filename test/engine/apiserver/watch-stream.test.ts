import { expect, test } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { MAX_WATCHES } from "../../../src/engine/apiserver/watch/watch-hubs.ts";
import { MAX_QUEUED_EVENTS } from "../../../src/engine/apiserver/watch/watcher.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { asAdmin, configMap, inDefault, pod, served, startServer } from "./test-server.ts";

test("without a revision, or from 0, a watch starts with the current state", async () => {
  const { server, client } = await startServer();
  const kind = served(server, configMaps);
  const a = await client.create(configMaps, configMap("a"));
  for (const revision of [{}, { resourceVersion: "0" }, { resourceVersion: "" }]) {
    const watch = await server.watch(asAdmin, { kind, ...revision });
    expect(await watch.next()).toMatchObject([{ type: "ADDED", encoded: { object: a } }]);
    watch.close();
  }
});

test("sendInitialEvents sends the state, the bookmark that ends it, then changes", async () => {
  const { client } = await startServer();
  await client.create(configMaps, configMap("a"));
  const controller = new AbortController();
  const stream = client.watch(configMaps, { sendInitialEvents: true, signal: controller.signal });
  const iterator = stream[Symbol.asyncIterator]();
  const next = async () => (await iterator.next()).value as unknown;
  expect(await next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "a" } } });
  expect(await next()).toMatchObject({ type: "BOOKMARK", initialEventsEnd: true });
  await client.create(configMaps, configMap("b"));
  expect(await next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "b" } } });
  controller.abort();
  expect(await iterator.next()).toMatchObject({ done: true });
});

test.each([
  ["sendInitialEvents without NotOlderThan", { sendInitialEvents: true }],
  ["sendInitialEvents with Exact", { sendInitialEvents: true, resourceVersionMatch: "Exact" }],
  ["a match without sendInitialEvents", { resourceVersionMatch: "NotOlderThan" }],
])("%s is Invalid, so that clients fall back to a list", async (_, options) => {
  const { server } = await startServer();
  await expect(
    server.watch(asAdmin, { kind: served(server, configMaps), ...options }),
  ).rejects.toMatchObject({ code: 422, reason: "Invalid" });
});

test("a watch from a forgotten revision is 410, one from the future 504", async () => {
  const { server, client, store, clock } = await startServer();
  const kind = served(server, configMaps);
  await client.create(configMaps, configMap("a"));
  await store.compact(store.revision);
  await expect(server.watch(asAdmin, { kind, resourceVersion: "1" })).rejects.toMatchObject({
    code: 410,
    reason: "Expired",
  });
  const future = server
    .watch(asAdmin, { kind, resourceVersion: "100000" })
    .catch((error: unknown) => error);
  await clock.advance(4_000);
  expect(await future).toMatchObject({ code: 504 });
});

test("bookmarks tell how far an idle watch has come: every minute and before its end, to those who want them", async () => {
  const { server, client, store, clock } = await startServer();
  const kind = served(server, configMaps);
  const resourceVersion = String(store.revision);
  const options = { kind, resourceVersion, timeoutSeconds: 90 };
  const wanting = await server.watch(asAdmin, { ...options, allowBookmarks: true });
  const other = await server.watch(asAdmin, options);
  await client.create(pods, pod("elsewhere"));
  await clock.advance(60_000);
  const bookmark = { type: "BOOKMARK", initialEventsEnd: false };
  expect(await wanting.next()).toEqual([{ ...bookmark, resourceVersion: String(store.revision) }]);
  await client.create(pods, pod("once-more"));
  await clock.advance(30_000);
  expect(await wanting.next()).toEqual([{ ...bookmark, resourceVersion: String(store.revision) }]);
  expect(await wanting.next()).toBeUndefined();
  expect(await other.next()).toBeUndefined();
});

test("a watch without a time limit ends after 30 to 60 minutes", async () => {
  const { server, clock } = await startServer();
  const watch = await server.watch(asAdmin, {
    kind: served(server, configMaps),
    resourceVersion: "1",
  });
  let ended = false;
  const done = watch.next().then(() => {
    ended = true;
  });
  await clock.advance(30 * 60_000 - 1);
  expect(ended).toBe(false);
  await clock.advance(30 * 60_000 + 1);
  await done;
});

test("watchers that see the same thing share one event", async () => {
  const { server, client } = await startServer();
  const kind = served(server, configMaps);
  const watches = await Promise.all(
    [{}, { namespace: "default" }, { fieldSelector: "metadata.name=a" }].map((selector) =>
      server.watch(asAdmin, { kind, resourceVersion: "1", ...selector }),
    ),
  );
  await client.create(configMaps, configMap("a"));
  const [[first], [second], [third]] = (await Promise.all(watches.map((each) => each.next()))) as [
    unknown[],
    unknown[],
    unknown[],
  ];
  expect(first).toBe(second);
  expect(second).toBe(third);
});

test("a reader that does not keep up is dropped; another is not held up by it", async () => {
  const { server, client, store } = await startServer();
  const kind = served(server, configMaps);
  const resourceVersion = String(store.revision);
  const stuck = await server.watch(asAdmin, { kind, resourceVersion });
  const quick = await server.watch(asAdmin, { kind, resourceVersion });
  let received = 0;
  const reading = (async () => {
    for (let batch = await quick.next(); batch !== undefined; batch = await quick.next()) {
      received += batch.length;
      if (received > MAX_QUEUED_EVENTS) return;
    }
  })();
  await client.create(configMaps, configMap("a"));
  const patch = (index: number) =>
    client.patch(configMaps, inDefault("a"), { type: "merge", body: { data: { n: `${index}` } } });
  for (let start = 0; start < MAX_QUEUED_EVENTS; start += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => patch(start + index)));
  }
  await reading;
  expect(received).toBe(MAX_QUEUED_EVENTS + 1);
  expect(await stuck.next()).toBeUndefined();
  quick.close();
});

test("closing the server ends every watch and leaves no timer behind", async () => {
  const { server, clock } = await startServer();
  const kind = served(server, configMaps);
  const watch = await server.watch(asAdmin, { kind, allowBookmarks: true });
  await server.close();
  expect(await watch.next()).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test("however long a watch is asked for, it ends within a day", async () => {
  const { server, clock } = await startServer();
  const watch = await server.watch(asAdmin, {
    kind: served(server, configMaps),
    resourceVersion: "1",
    timeoutSeconds: Number.MAX_SAFE_INTEGER,
  });
  const ended = watch.next();
  await clock.advance(86_400_000);
  expect(await ended).toBeUndefined();
});

test("twenty thousand idle watches are served, one more is refused with 429", async () => {
  const { server } = await startServer({ clock: systemClock });
  const kind = served(server, configMaps);
  const open = (index: number) =>
    server.watch(asAdmin, {
      kind,
      resourceVersion: "1",
      fieldSelector: `metadata.name=c${index}`,
    });
  const watches = await Promise.all(Array.from({ length: MAX_WATCHES }, (_, index) => open(index)));
  await expect(open(0)).rejects.toMatchObject({ code: 429, reason: "TooManyRequests" });
  watches[0]?.close();
  await expect(open(0)).resolves.toBeDefined();
  await server.close();
});

test("an aborted signal ends the watch at once", async () => {
  const { server, clock } = await startServer();
  const controller = new AbortController();
  const watch = await server.watch(
    { ...asAdmin, signal: controller.signal },
    { kind: served(server, configMaps), resourceVersion: "1" },
  );
  const next = watch.next();
  controller.abort();
  expect(await next).toBeUndefined();
  expect(clock.pending).toBe(0);
});
