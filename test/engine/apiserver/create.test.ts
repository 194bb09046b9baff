import { expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import {
  asAdmin,
  configMap,
  deployment,
  inDefault,
  pod,
  seeded,
  served,
  startServer,
} from "./test-server.ts";

test("the server sets identity, time and generation, whatever the client says", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, {
    ...deployment("web", 1),
    metadata: {
      name: "web",
      namespace: "default",
      uid: "mine",
      generation: 7,
      creationTimestamp: "2001-01-01T00:00:00Z",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      selfLink: "/x",
    },
    status: { replicas: 5 },
  });
  expect(created.metadata).toMatchObject({
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00Z",
  });
  expect(created.metadata.uid).not.toBe("mine");
  expect(created.metadata).not.toHaveProperty("deletionTimestamp");
  expect(created.metadata).not.toHaveProperty("selfLink");
  expect(created.status).toBeUndefined();
  expect(created.spec?.strategy?.rollingUpdate?.maxSurge).toBe("25%");
});

test("generateName makes a name of the prefix and five characters", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, {
    ...configMap(""),
    metadata: { name: "", generateName: "web-", namespace: "default" },
  });
  expect(created.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const long = await client.create(configMaps, {
    ...configMap(""),
    metadata: { name: "", generateName: "x".repeat(100), namespace: "default" },
  });
  expect(long.metadata.name).toHaveLength(63);
});

test("a generated name that is taken is drawn again, up to eight times", async () => {
  const random = seeded(5);
  let draws = 0;
  let constant = true;
  const { client } = await startServer({
    random: () => {
      draws++;
      return constant ? 0 : random();
    },
  });
  const generated = () =>
    client.create(configMaps, {
      ...configMap(""),
      metadata: { name: "", generateName: "web-", namespace: "default" },
    });
  await generated();
  draws = 0;
  await expect(generated()).rejects.toMatchObject({ code: 409, reason: "AlreadyExists" });
  expect(draws).toBe(8 * 5);
  constant = false;
  await expect(generated()).resolves.toBeDefined();
});

test("of two creations of one name one wins, in one commit or in two", async () => {
  const { client } = await startServer();
  const results = await Promise.allSettled([
    client.create(configMaps, configMap("a")),
    client.create(configMaps, configMap("a")),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  await expect(client.create(configMaps, configMap("a"))).rejects.toMatchObject({
    code: 409,
    reason: "AlreadyExists",
    message: 'configmaps "a" already exists',
    status: { details: { name: "a", kind: "configmaps" } },
  });
});

test.each<[string, KubeObject, number, string]>([
  [
    "a resourceVersion",
    { ...configMap("a"), metadata: { name: "a", namespace: "default", resourceVersion: "3" } },
    400,
    "resourceVersion should not be set",
  ],
  [
    "another namespace",
    { ...configMap("a"), metadata: { name: "a", namespace: "other" } },
    400,
    "does not match the namespace sent",
  ],
  ["another kind", { ...configMap("a"), kind: "Secret" }, 400, "Secret"],
  ["another version", { ...configMap("a"), apiVersion: "v2" }, 400, "v2"],
  [
    "no name",
    { ...configMap(""), metadata: { name: "" } },
    422,
    "name or generateName is required",
  ],
  ["a bad name", configMap("Not_Valid"), 422, "metadata.name"],
  [
    "a label that is no string",
    { ...configMap("a"), metadata: { name: "a", labels: { a: 1 as never } } },
    422,
    "metadata.labels[a]",
  ],
  ["data of the wrong type", { ...configMap("a"), data: [1] } as KubeObject, 422, "data"],
  [
    "finalizers of the wrong type",
    { ...configMap("a"), metadata: { name: "a", finalizers: 3 as never } },
    422,
    "metadata.finalizers",
  ],
  ["metadata that is no object", { ...configMap("a"), metadata: "a" as never }, 400, "metadata"],
  ["nothing at all", null as never, 400, "object"],
])("an object with %s is refused", async (_, object, code, message) => {
  const { server } = await startServer();
  await expect(
    server.create(asAdmin, { kind: served(server, configMaps), namespace: "default", object }),
  ).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
});

test("a namespaced object needs a namespace; a cluster-scoped one ignores its own", async () => {
  const { server } = await startServer();
  const { namespace: _, ...metadata } = configMap("a").metadata as {
    namespace?: string;
    name: string;
  };
  await expect(
    server.create(asAdmin, {
      kind: served(server, configMaps),
      object: { ...configMap("a"), metadata },
    }),
  ).rejects.toMatchObject({ code: 422 });
  const { object } = await server.create(asAdmin, {
    kind: served(server, namespaces),
    object: {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "x", namespace: "y" },
    },
  });
  expect(object.metadata.namespace).toBeUndefined();
});

test("all problems of an object are told at once, as causes with field paths", async () => {
  const { client } = await startServer();
  const bad = pod("p", { containers: [{ name: "A", image: "" }], restartPolicy: "Sometimes" });
  await expect(client.create(pods, bad)).rejects.toMatchObject({
    code: 422,
    reason: "Invalid",
    status: {
      details: {
        kind: "Pod",
        name: "p",
        causes: expect.arrayContaining([
          expect.objectContaining({ field: "spec.containers[0].name" }),
          expect.objectContaining({ field: "spec.restartPolicy" }),
        ]) as unknown[],
      },
    },
  });
});

test("an object over 1.5 MiB is refused with 413", async () => {
  const { client } = await startServer();
  const big = {
    ...configMap("a"),
    metadata: {
      name: "a",
      namespace: "default",
      finalizers: Array.from(
        { length: 30_000 },
        (_, index) => `example.com/${"f".repeat(40)}${index}`,
      ),
    },
  };
  await expect(client.create(configMaps, big)).rejects.toMatchObject({
    code: 413,
    reason: "RequestEntityTooLarge",
  });
});

test("what a caller passes in cannot change behind the server's back", async () => {
  const { client } = await startServer();
  const data = { key: "1" };
  await client.create(configMaps, configMap("a", data));
  expect(() => {
    data.key = "2";
  }).toThrow(TypeError);
  expect((await client.get(configMaps, inDefault("a"))).data).toEqual({ key: "1" });
});

test.each(["", "a/b", "..", "a".repeat(254)])(
  "the name %j is refused for every operation",
  async (name) => {
    const { server } = await startServer();
    const kind = served(server, configMaps);
    const target = { kind, namespace: "default", name };
    const object = { ...configMap("a"), metadata: { name, namespace: "default" } };
    const refused = (operation: Promise<unknown>): Promise<unknown> =>
      operation.then(
        () => "accepted",
        (error: { code: number }) => error.code,
      );
    expect(await refused(server.create(asAdmin, { ...target, object }))).toBe(422);
    expect(await refused(server.update(asAdmin, { ...target, object }))).toBe(404);
    const apply = { apiVersion: "v1", kind: "ConfigMap" };
    const patch = { type: "apply", body: apply } as const;
    const applied = server.patch({ ...asAdmin, fieldManager: "me" }, { ...target, patch });
    expect(await refused(applied)).toBe(422);
    expect(await refused(server.get(asAdmin, target))).toBe(404);
    expect(await refused(server.delete(asAdmin, target))).toBe(404);
  },
);
