import { expect, test } from "vitest";
import type { Patch } from "../../../src/client/client.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import type { JsonObject } from "../../../src/kube/object.ts";
import { asAdmin, configMap, deployment, inDefault, served, startServer } from "./test-server.ts";

const WEB = inDefault("web");

test("each patch type changes what it says and nothing else", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  const patches: [Patch, string][] = [
    [{ type: "json", body: [{ op: "replace", path: "/spec/replicas", value: 2 }] }, "app:1"],
    [{ type: "merge", body: { spec: { replicas: 3 } } }, "app:1"],
    [
      {
        type: "strategic",
        body: {
          spec: {
            replicas: 4,
            template: { spec: { containers: [{ name: "main", image: "app:2" }] } },
          },
        },
      },
      "app:2",
    ],
  ];
  for (const [index, [patch, image]] of patches.entries()) {
    const patched = await client.patch(deployments, WEB, patch);
    expect(patched.spec?.replicas).toBe(index + 2);
    expect(patched.spec?.template.spec?.containers[0]?.image).toBe(image);
    expect(patched.metadata.uid).toBe(created.metadata.uid);
    expect(patched.metadata.generation).toBe(index + 2);
  }
});

test.each<[string, Patch, number]>([
  [
    "a failed test",
    { type: "json", body: [{ op: "test", path: "/spec/replicas", value: 9 }] },
    422,
  ],
  ["a path that is not there", { type: "json", body: [{ op: "remove", path: "/spec/nope" }] }, 422],
  ["an unknown operation", { type: "json", body: [{ op: "frob", path: "/x" }] }, 400],
  [
    "too many operations",
    {
      type: "json",
      body: Array.from({ length: 10_001 }, () => ({ op: "test", path: "/kind", value: "x" })),
    },
    413,
  ],
  ["a stale resourceVersion", { type: "merge", body: { metadata: { resourceVersion: "1" } } }, 409],
  ["another uid", { type: "merge", body: { metadata: { uid: "other" } } }, 409],
  ["another name", { type: "merge", body: { metadata: { name: "other" } } }, 400],
  ["another namespace", { type: "merge", body: { metadata: { namespace: "other" } } }, 400],
  ["another kind", { type: "merge", body: { kind: "Pod" } }, 400],
  ["a result that is invalid", { type: "merge", body: { spec: { replicas: -1 } } }, 422],
  [
    "a changed selector",
    { type: "merge", body: { spec: { selector: { matchLabels: { app: "x" } } } } },
    422,
  ],
])("a patch with %s is refused and changes nothing", async (_, patch, code) => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  await expect(client.patch(deployments, WEB, patch)).rejects.toMatchObject({ code });
  expect(await client.get(deployments, WEB)).toBe(created);
});

test("a patch of what is not there is 404", async () => {
  const { client } = await startServer();
  await expect(client.patch(deployments, WEB, { type: "merge", body: {} })).rejects.toMatchObject({
    code: 404,
  });
});

test("a patch of the status leaves the spec", async () => {
  const { client } = await startServer();
  await client.create(deployments, deployment("web", 1));
  const patched = await client.patch(
    deployments,
    WEB,
    { type: "merge", body: { spec: { replicas: 5 }, status: { replicas: 1 } } },
    { subresource: "status" },
  );
  expect(patched.spec?.replicas).toBe(1);
  expect(patched.status).toEqual({ replicas: 1 });
});

test("a dry run of a patch shows the outcome and stores nothing", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  const patched = await client.patch(
    deployments,
    WEB,
    { type: "merge", body: { spec: { replicas: 5 } } },
    { dryRun: true },
  );
  expect(patched.spec?.replicas).toBe(5);
  expect(patched.metadata).toMatchObject({
    generation: 2,
    resourceVersion: created.metadata.resourceVersion,
  });
  expect(await client.get(deployments, WEB)).toBe(created);
});

const config = (replicas: number, extra: JsonObject = {}): JsonObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", ...extra },
  spec: { ...(deployment("web", replicas).spec as unknown as JsonObject) },
});
const apply = (body: JsonObject): Patch => ({ type: "apply", body });

test("apply makes the object, then does nothing while nothing changes", async () => {
  const { client, clock } = await startServer();
  const options = { fieldManager: "gantry" };
  const created = await client.patch(deployments, WEB, apply(config(1)), options);
  expect(created.metadata).toMatchObject({ generation: 1 });
  expect(created.metadata.managedFields).toMatchObject([
    { manager: "gantry", operation: "Apply", apiVersion: "apps/v1" },
  ]);
  await clock.advance(60_000);
  const again = await client.patch(deployments, WEB, apply(config(1)), options);
  expect(again).toBe(created);
});

test("apply names the owners of fields that it would change, and takes them over when forced", async () => {
  const { client } = await startServer();
  await client.patch(deployments, WEB, apply(config(1)), { fieldManager: "gantry" });
  await client.patch(
    deployments,
    WEB,
    { type: "merge", body: { spec: { replicas: 5 } } },
    { fieldManager: "autoscaler" },
  );
  await expect(
    client.patch(deployments, WEB, apply(config(2)), { fieldManager: "gantry" }),
  ).rejects.toMatchObject({
    code: 409,
    reason: "Conflict",
    status: {
      details: {
        causes: [
          {
            reason: "FieldManagerConflict",
            field: ".spec.replicas",
            message: 'conflict with "autoscaler" using apps/v1',
          },
        ],
      },
    },
  });
  const forced = await client.patch(deployments, WEB, apply(config(2)), {
    fieldManager: "gantry",
    force: true,
  });
  expect(forced.spec?.replicas).toBe(2);
});

test("what a manager no longer applies goes, unless another owns it", async () => {
  const { client } = await startServer();
  const labels = (own: Record<string, string>): Patch => ({
    type: "apply",
    body: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "default" },
      data: own,
    },
  });
  const key = inDefault("a");
  await client.patch(configMaps, key, labels({ x: "1", y: "1" }), { fieldManager: "one" });
  await client.patch(configMaps, key, labels({ y: "1", z: "1" }), { fieldManager: "two" });
  const left = await client.patch(configMaps, key, labels({ x: "2" }), { fieldManager: "one" });
  expect(left.data).toEqual({ x: "2", y: "1", z: "1" });
});

test("apply to the status owns the status only; apply to the scale sets the replicas", async () => {
  const { client } = await startServer();
  await client.patch(deployments, WEB, apply(config(1)), { fieldManager: "gantry" });
  const status = await client.patch(
    deployments,
    WEB,
    apply({ ...config(9), status: { replicas: 1 } }),
    { fieldManager: "controller", subresource: "status" },
  );
  expect(status.spec?.replicas).toBe(1);
  expect(status.status).toEqual({ replicas: 1 });
  const scale = await client.patch(
    deployments,
    WEB,
    apply({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "web" },
      spec: { replicas: 4 },
    }),
    { fieldManager: "hpa", subresource: "scale", force: true },
  );
  expect(scale).toMatchObject({ kind: "Scale", spec: { replicas: 4 } });
  const { metadata, spec } = await client.get(deployments, WEB);
  expect(spec?.replicas).toBe(4);
  expect(metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual(
    expect.arrayContaining([
      ["gantry", undefined],
      ["controller", "status"],
      ["hpa", "scale"],
    ]),
  );
});

test.each<[string, JsonObject, number]>([
  ["no apiVersion", { kind: "Deployment", metadata: { name: "web" } }, 400],
  ["managed fields of its own", config(1, { managedFields: [] }), 400],
  ["another name", { ...config(1), metadata: { name: "other" } }, 400],
  ["a field of the wrong type", { ...config(1), spec: { replicas: "many" } }, 422],
])("an apply patch with %s is refused", async (_, body, code) => {
  const { client } = await startServer();
  await expect(
    client.patch(deployments, WEB, apply(body), { fieldManager: "gantry" }),
  ).rejects.toMatchObject({ code });
});

test("apply needs a field manager, and only apply can be forced", async () => {
  const { client } = await startServer();
  await expect(client.patch(deployments, WEB, apply(config(1)))).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining("fieldManager: Required value") as string,
  });
  await client.create(deployments, deployment("web", 1));
  await expect(
    client.patch(deployments, WEB, { type: "merge", body: {} }, { force: true }),
  ).rejects.toMatchObject({ code: 422 });
});

test("every write records its manager: the parameter, else the program", async () => {
  const { client, server } = await startServer();

  await client.create(configMaps, configMap("a"), { fieldManager: "one" });
  await server.update(
    { ...asAdmin, userAgent: "kubectl/v1.32.4 (linux/amd64)" },
    {
      kind: served(server, configMaps),
      ...inDefault("a"),
      object: configMap("a", { key: "1" }),
    },
  );
  const { metadata } = await client.get(configMaps, inDefault("a"));
  const owners = metadata.managedFields?.map(({ manager, operation }) => [manager, operation]);
  expect(owners).toEqual([
    ["kubectl", "Update"],
    ["one", "Update"],
  ]);
  expect(metadata.managedFields?.[0]).toMatchObject({
    apiVersion: "v1",
    fieldsV1: { "f:data": { "f:key": {} } },
  });
});

test("empty labels and annotations are as good as none: nobody owns them and nothing changes", async () => {
  const { client } = await startServer();
  const key = inDefault("a");
  const body = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", labels: {}, annotations: {} },
    data: { key: "1" },
  };
  const created = await client.patch(configMaps, key, apply(body), { fieldManager: "alice" });
  expect(created.metadata).not.toHaveProperty("labels");
  await client.patch(configMaps, key, apply(body), { fieldManager: "bob" });
  const before = await client.get(configMaps, key);
  const merge = { type: "merge", body: { metadata: { labels: {} } } } as const;
  expect(await client.patch(configMaps, key, merge)).toBe(before);
});
