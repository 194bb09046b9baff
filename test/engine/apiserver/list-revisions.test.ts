import { expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { asAdmin, configMap, pod, served, startServer } from "./test-server.ts";

test("a list carries the store's revision, even when it is empty", async () => {
  const { client, store } = await startServer();
  await client.create(configMaps, configMap("a"));
  const list = await client.list(pods);
  expect(list).toMatchObject({ items: [], resourceVersion: String(store.revision) });
});

test("Exact shows the past; NotOlderThan and no word show the present", async () => {
  const { client } = await startServer();
  const { metadata } = await client.create(configMaps, configMap("a"));
  const resourceVersion = metadata.resourceVersion ?? "";
  await client.create(configMaps, configMap("b"));
  const count = async (options: Parameters<typeof client.list>[1]): Promise<number> =>
    (await client.list(configMaps, options)).items.length;
  expect(await count({ resourceVersion, resourceVersionMatch: "Exact" })).toBe(1);
  expect(await count({ resourceVersion, resourceVersionMatch: "NotOlderThan" })).toBe(2);
  expect(await count({ resourceVersion })).toBe(2);
  expect(await count({ resourceVersion, limit: 10 })).toBe(1);
  expect(await count({ resourceVersion: "0", limit: 10 })).toBe(2);
  expect(await count({})).toBe(2);
});

test("a forgotten revision is 410", async () => {
  const { client, store } = await startServer();
  await client.create(configMaps, configMap("a"));
  await store.compact(store.revision);
  await expect(
    client.list(configMaps, { resourceVersion: "1", resourceVersionMatch: "Exact" }),
  ).rejects.toMatchObject({ code: 410, reason: "Expired" });
});

test.each([
  ["match without a revision", { resourceVersionMatch: "Exact" as const }, 422],
  ["Exact at 0", { resourceVersion: "0", resourceVersionMatch: "Exact" as const }, 422],
  ["a revision that is no number", { resourceVersion: "abc" }, 400],
  ["a revision with a leading zero", { resourceVersion: "01" }, 400],
  ["a negative revision", { resourceVersion: "-1" }, 400],
  ["a selector that cannot be read", { labelSelector: "a in" }, 400],
  ["a field that is not selectable", { fieldSelector: "spec.foo=1" }, 400],
])("%s is refused", async (_, options, code) => {
  const { client } = await startServer();
  await expect(client.list(configMaps, options)).rejects.toMatchObject({ code });
});

test("a revision from the future is waited for, then refused with 504", async () => {
  const { client, clock, store } = await startServer();
  const future = String(store.revision + 1);
  const waiting = client.list(configMaps, { resourceVersion: future });
  await client.create(configMaps, configMap("a"));
  await clock.advance(1_000);
  expect((await waiting).items).toHaveLength(1);

  const never = client
    .list(configMaps, { resourceVersion: "999999" })
    .catch((error: unknown) => error);
  await clock.advance(5_000);
  expect(await never).toMatchObject({
    code: 504,
    reason: "Timeout",
    status: { details: { causes: [{ reason: "ResourceVersionTooLarge" }], retryAfterSeconds: 1 } },
  });
});

test("field selectors select by name, namespace and the fields of the kind", async () => {
  const { client } = await startServer();
  await client.create(pods, pod("a", { nodeName: "n1" }));
  await client.create(pods, pod("b", { nodeName: "n2" }));
  const names = async (fieldSelector: string): Promise<string[]> =>
    (await client.list(pods, { fieldSelector })).items.map(({ metadata }) => metadata.name);
  expect(await names("spec.nodeName=n1")).toEqual(["a"]);
  expect(await names("spec.nodeName!=n1")).toEqual(["b"]);
  expect(await names("metadata.name=b")).toEqual(["b"]);
  expect(await names("metadata.name=b,metadata.namespace=other")).toEqual([]);
  const byName = { namespace: "default", fieldSelector: "metadata.name=a,status.phase=Pending" };
  expect((await client.list(pods, byName)).items).toHaveLength(1);
});

test("lists are shared, not copied", async () => {
  const { server, client } = await startServer();
  await client.create(configMaps, configMap("a"));
  const kind = served(server, configMaps);
  const [first, second] = await Promise.all([
    server.list(asAdmin, { kind }),
    server.list(asAdmin, { kind }),
  ]);
  expect(first.items).toBe(second.items);
  expect(JSON.parse(first.items[0]?.json.toString() ?? "")).toEqual(first.items[0]?.object);
});
