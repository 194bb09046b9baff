import fc from "fast-check";
import { expect, test } from "vitest";
import type { WatchEvent, WatchOptions } from "../../../src/client/client.ts";
import type { WatchEvent as ServerWatchEvent } from "../../../src/engine/apiserver/watch/watch-event.ts";
import type { Watch } from "../../../src/engine/apiserver/watch/watcher.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { type ConfigMap, configMaps } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { type KubeObject, keyOf } from "../../../src/kube/object.ts";
import { asAdmin, binding, configMap, inDefault, pod, served, startServer } from "./test-server.ts";

type Started = Awaited<ReturnType<typeof startServer>>;

/** What a watch from a revision sees until its time is over. */
async function eventsOf(
  { client, clock }: Started,
  resource: Resource,
  options: WatchOptions,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const done = (async () => {
    for await (const event of client.watch(resource, { ...options, timeoutSeconds: 1 })) {
      events.push(event);
    }
  })();
  await clock.advance(1_000);
  await done;
  return events;
}

const summary = (events: readonly WatchEvent[]): string[] =>
  events.map((event) =>
    event.type === "BOOKMARK"
      ? "BOOKMARK"
      : `${event.type} ${event.object.metadata.name} ${JSON.stringify(event.object.metadata.labels ?? {})}`,
  );

const labelled = (name: string, labels: Record<string, string>): ConfigMap => ({
  ...configMap(name),
  metadata: { name, namespace: "default", labels },
});

test("an object that enters a selector is ADDED, one that leaves is DELETED in its last matching state", async () => {
  const started = await startServer();
  const { client, store } = started;
  const { revision } = store;
  const key = inDefault("a");
  await client.create(configMaps, labelled("a", { app: "other" }));
  const relabel = (app: string) =>
    client.patch(configMaps, key, { type: "merge", body: { metadata: { labels: { app } } } });
  await relabel("web");
  await client.patch(configMaps, key, { type: "merge", body: { data: { key: "1" } } });
  const left = await relabel("gone");
  await client.delete(configMaps, key);
  const events = await eventsOf(started, configMaps, {
    labelSelector: "app=web",
    resourceVersion: String(revision),
  });
  expect(summary(events)).toEqual([
    'ADDED a {"app":"web"}',
    'MODIFIED a {"app":"web"}',
    'DELETED a {"app":"web"}',
  ]);
  const last = events.at(-1);
  expect(last?.type === "DELETED" && last.object.metadata.resourceVersion).toBe(
    left.metadata.resourceVersion,
  );
});

test("a deletion carries the revision of the deletion", async () => {
  const started = await startServer();
  const { client, store } = started;
  const created = await client.create(configMaps, configMap("a"));
  await client.delete(configMaps, inDefault("a"));
  const [event] = await eventsOf(started, configMaps, {
    resourceVersion: created.metadata.resourceVersion ?? "",
  });
  expect(event).toMatchObject({
    type: "DELETED",
    object: { metadata: { uid: created.metadata.uid, resourceVersion: String(store.revision) } },
  });
});

test("a watch by name sees that object only, one by node the pods that come to and leave that node", async () => {
  const started = await startServer();
  const { client, store } = started;
  const resourceVersion = String(store.revision);
  await client.create(pods, pod("a"));
  await client.create(pods, pod("b", { nodeName: "n1" }));
  await client.create(pods as Resource, binding("a", "n1"), { subresource: "binding" });
  const byNode = await eventsOf(started, pods, {
    fieldSelector: "spec.nodeName=n1",
    resourceVersion,
  });
  expect(summary(byNode)).toEqual(["ADDED b {}", "ADDED a {}"]);
  const byName = await eventsOf(started, pods, {
    namespace: "default",
    fieldSelector: "metadata.name=b",
    resourceVersion,
  });
  expect(summary(byName)).toEqual(["ADDED b {}"]);
});

test("what a live watch sees is what a watch that resumes from the same revision sees", async () => {
  const operations = fc.array(
    fc.tuple(
      fc.constantFrom("a", "b", "c"),
      fc.constantFrom("x", "y"),
      fc.constantFrom("put", "put", "put", "delete"),
      fc.constantFrom("web", "db"),
    ),
    { maxLength: 30 },
  );
  const selectors = [
    {},
    { namespace: "x" },
    { labelSelector: "app=web" },
    { namespace: "y", labelSelector: "app!=web" },
    { fieldSelector: "metadata.name=a" },
    { namespace: "x", fieldSelector: "metadata.name!=a" },
  ];
  await fc.assert(
    fc.asyncProperty(operations, async (steps) => {
      const started = await startServer();
      const { client, server, store } = started;
      for (const name of ["x", "y"]) {
        await client.create(namespaces, {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name },
        });
      }
      const resourceVersion = String(store.revision);
      const kind = served(server, configMaps);
      const options = { kind, resourceVersion, timeoutSeconds: 1 };
      const live = await Promise.all(
        selectors.map((selector) => server.watch(asAdmin, { ...options, ...selector })),
      );
      await Promise.all(
        steps.map(async ([name, namespace, action, app]) => {
          if (action === "delete") {
            await client.delete(configMaps, { name, namespace }).catch(() => undefined);
            return;
          }
          const object = {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name, namespace, labels: { app } },
          };
          await client
            .create(configMaps, object)
            .catch(() => client.update(configMaps, object))
            .catch(() => undefined);
        }),
      );
      const resumed = await Promise.all(
        selectors.map((selector) => server.watch(asAdmin, { ...options, ...selector })),
      );
      await started.clock.advance(1_000);
      for (const [index, selector] of selectors.entries()) {
        const seen = await drain(live[index]);
        expect(seen).toEqual(await drain(resumed[index]));
        const { items } = await client.list(configMaps, selector);
        const state = replay(seen);
        expect([...state.keys()].sort()).toEqual(items.map(keyOf).sort());
        for (const item of items) expect(state.get(keyOf(item))).toBe(item);
      }
    }),
    { numRuns: 40 },
  );
});

async function drain(watch: Watch | undefined): Promise<ServerWatchEvent[]> {
  const events: ServerWatchEvent[] = [];
  for (let batch = await watch?.next(); batch !== undefined; batch = await watch?.next()) {
    events.push(...batch);
  }
  return events;
}

/** The state that a client has after these events; each must make sense in the state before. */
function replay(events: readonly ServerWatchEvent[]): Map<string, KubeObject> {
  const state = new Map<string, KubeObject>();
  for (const event of events) {
    if (event.type === "BOOKMARK") continue;
    const { object } = event.encoded;
    const key = keyOf(object);
    expect(state.has(key)).toBe(event.type !== "ADDED");
    if (event.type === "DELETED") state.delete(key);
    else state.set(key, object);
  }
  return state;
}
