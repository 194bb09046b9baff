import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectList } from "../../../src/client/client.ts";
import { type ConfigMap, configMaps } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import { configMap, startServer, type TestServer } from "./test-server.ts";

async function withObjects(count: number): Promise<TestServer> {
  const started = await startServer();
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      started.client.create(configMaps, {
        ...configMap(`c${index}`),
        metadata: {
          name: `c${index}`,
          namespace: "default",
          labels: { parity: index % 2 === 0 ? "even" : "odd" },
        },
      }),
    ),
  );
  return started;
}

const names = (list: ObjectList<ConfigMap>): string[] =>
  list.items.map(({ metadata }) => metadata.name);

test("pages of any size put together are the list, as of the first page's revision", async () => {
  const { client } = await withObjects(23);
  const whole = await client.list(configMaps);
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
      const collected: string[] = [];
      const first = await client.list(configMaps, { limit });
      collected.push(...names(first));
      let token = first.continue;
      let remaining = first.remainingItemCount;
      while (token !== undefined) {
        expect(remaining).toBe(23 - collected.length);
        // Changes between pages do not show.
        await client.create(configMaps, configMap(`aa-${round++}`));
        const page = await client.list(configMaps, { limit, continue: token });
        expect(page.resourceVersion).toBe(first.resourceVersion);
        collected.push(...names(page));
        token = page.continue;
        remaining = page.remainingItemCount;
      }
      expect(collected).toEqual(names(first.continue === undefined ? first : whole));
      for (const name of Array.from({ length: round }, (_, index) => `aa-${index}`)) {
        await client.delete(configMaps, { namespace: "default", name });
      }
      round = 0;
    }),
    { numRuns: 12 },
  );
});

test("pages go through all namespaces in order", async () => {
  const { client } = await startServer();
  for (const name of ["b", "a", "c"]) {
    await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    for (const each of ["y", "x"]) {
      await client.create(configMaps, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: each, namespace: name },
      });
    }
  }
  const seen: string[] = [];
  let page = await client.list(configMaps, { limit: 1 });
  for (;;) {
    seen.push(...page.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
    if (page.continue === undefined) break;
    page = await client.list(configMaps, { limit: 1, continue: page.continue });
  }
  expect(seen).toEqual(["a/x", "a/y", "b/x", "b/y", "c/x", "c/y"]);
});

test("with a selector, pages hold matches only and no count of the rest", async () => {
  const { client } = await withObjects(10);
  const first = await client.list(configMaps, { labelSelector: "parity=even", limit: 3 });
  expect(names(first)).toEqual(["c0", "c2", "c4"]);
  expect(first.continue).toBeDefined();
  expect(first.remainingItemCount).toBeUndefined();
  const rest = await client.list(configMaps, {
    labelSelector: "parity=even",
    limit: 3,
    ...(first.continue === undefined ? {} : { continue: first.continue }),
  });
  expect(names(rest)).toEqual(["c6", "c8"]);
  expect(rest.continue).toBeUndefined();
});

test("a page whose revision is forgotten gets 410 with a token that goes on in the current state", async () => {
  const { client, store } = await withObjects(4);
  const first = await client.list(configMaps, { limit: 2 });
  const token = first.continue ?? "";
  await client.create(configMaps, configMap("d"));
  await store.compact(store.revision);
  const error = await client.list(configMaps, { continue: token }).catch((each: unknown) => each);
  if (!(error instanceof StatusError)) throw error;
  expect(error).toMatchObject({ code: 410, reason: "Expired" });
  const inconsistent = error.status.metadata.continue ?? "";
  const rest = await client.list(configMaps, { continue: inconsistent });
  expect(names(rest)).toEqual(["c2", "c3", "d"]);
  expect(rest.resourceVersion).toBe(String(store.revision));
});

test.each([
  ["nonsense", "nonsense"],
  ["an empty position", Buffer.from('{"v":"meta.k8s.io/v1","rv":5}').toString("base64url")],
  ["another format", Buffer.from('{"v":"v9","rv":5,"start":"a/b"}').toString("base64url")],
  [
    "a revision to come",
    Buffer.from('{"v":"meta.k8s.io/v1","rv":9999,"start":"a/b"}').toString("base64url"),
  ],
  ["a huge token", "A".repeat(100_000)],
])("a continue token with %s is refused", async (_, token) => {
  const { client } = await startServer();
  await expect(client.list(configMaps, { continue: token })).rejects.toMatchObject({
    code: 400,
    reason: "BadRequest",
  });
});

test("a revision beside a continue token is refused", async () => {
  const { client } = await withObjects(2);
  const { continue: token = "" } = await client.list(configMaps, { limit: 1 });
  await expect(
    client.list(configMaps, { limit: 1, continue: token, resourceVersion: "2" }),
  ).rejects.toMatchObject({ code: 400 });
});
