import { expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { type Deployment, deployments } from "../../../src/kube/kinds/deployment.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
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

const scaled = (object: Deployment, replicas: number): Deployment => ({
  ...object,
  spec: { ...deployment("web", replicas).spec, replicas } as NonNullable<Deployment["spec"]>,
});

test("the generation counts changes of the spec, not of metadata or status", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  const annotated = await client.update(deployments, {
    ...created,
    metadata: { ...created.metadata, annotations: { note: "x" } },
  });
  expect(annotated.metadata.generation).toBe(1);
  const reported = await client.update(
    deployments,
    { ...annotated, status: { observedGeneration: 1 } },
    { subresource: "status" },
  );
  expect(reported.metadata.generation).toBe(1);
  const changed = await client.update(deployments, scaled(reported, 2));
  expect(changed.metadata.generation).toBe(2);
  expect(changed.status).toEqual({ observedGeneration: 1 });
});

test("a write of the spec leaves the status, a write of the status leaves the spec", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  const spec = await client.update(deployments, {
    ...scaled(created, 2),
    status: { replicas: 9 },
  });
  expect(spec.status).toBeUndefined();
  const status = await client.update(
    deployments,
    {
      ...scaled(spec, 7),
      metadata: { ...spec.metadata, finalizers: ["example.com/x"], annotations: { a: "1" } },
      status: { replicas: 9 },
    },
    { subresource: "status" },
  );
  expect(status.spec?.replicas).toBe(2);
  expect(status.status).toEqual({ replicas: 9 });
  expect(status.metadata.finalizers).toBeUndefined();
  expect(status.metadata.annotations).toEqual({ a: "1" });
});

test("kinds without a generation get none", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, configMap("a"));
  expect(created.metadata.generation).toBeUndefined();
});

test("an update without a resourceVersion wins over what is there", async () => {
  const { client } = await startServer();
  await client.create(configMaps, configMap("a", { key: "1" }));
  await client.update(configMaps, configMap("a", { key: "2" }));
  expect((await client.get(configMaps, inDefault("a"))).data).toEqual({ key: "2" });
});

test("a stale resourceVersion or the uid of another object is a conflict", async () => {
  const { client } = await startServer();
  const created = await client.create(configMaps, configMap("a", { key: "1" }));
  await client.update(configMaps, configMap("a", { key: "2" }));
  await expect(client.update(configMaps, { ...created, data: { key: "3" } })).rejects.toMatchObject(
    {
      code: 409,
      reason: "Conflict",
      message: expect.stringContaining("the object has been modified") as string,
    },
  );
  const other = { ...configMap("a"), metadata: { ...inDefault("a"), uid: "another" } };
  await expect(client.update(configMaps, other)).rejects.toMatchObject({
    code: 409,
    message: expect.stringContaining("UID in precondition: another") as string,
  });
});

test("server-set metadata survives an update that leaves it out or lies about it", async () => {
  const { client } = await startServer();
  const created = await client.create(deployments, deployment("web", 1));
  const updated = await client.update(deployments, {
    ...deployment("web", 2),
    metadata: { ...inDefault("web"), generation: 50, creationTimestamp: "2001-01-01T00:00:00Z" },
  });
  const { uid, creationTimestamp } = created.metadata;
  expect(updated.metadata).toMatchObject({ uid, creationTimestamp, generation: 2 });
});

test("updating what is not there is 404, under another name 400", async () => {
  const { client, server } = await startServer();
  await expect(client.update(configMaps, configMap("a"))).rejects.toMatchObject({ code: 404 });

  await expect(
    server.update(asAdmin, {
      kind: served(server, configMaps),
      namespace: "default",
      name: "b",
      object: configMap("a"),
    }),
  ).rejects.toMatchObject({ code: 400 });
});

test("immutable fields stay", async () => {
  const { client } = await startServer();
  const created = await client.create(pods, pod("p"));
  await expect(
    client.update(pods, { ...created, spec: { ...pod("p").spec, hostname: "x" } as never }),
  ).rejects.toMatchObject({ code: 422, reason: "Invalid" });
});

test("an object with finalizers that is being deleted goes with its last finalizer, and takes no new one", async () => {
  const { client } = await startServer();
  const held = {
    ...configMap("a"),
    metadata: { ...inDefault("a"), finalizers: ["example.com/a", "example.com/b"] },
  };
  await client.create(configMaps, held);
  const marked = await client.delete(configMaps, inDefault("a"));
  expect(marked.metadata.deletionTimestamp).toBe("2026-01-01T00:00:00Z");
  const finalizers = (names: string[]) =>
    client.patch(configMaps, inDefault("a"), {
      type: "merge",
      body: { metadata: { finalizers: names } },
    });
  await expect(finalizers(["example.com/a", "example.com/new"])).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining("no new finalizers can be added") as string,
  });
  await finalizers(["example.com/b"]);
  expect(await client.get(configMaps, inDefault("a"))).toBeDefined();
  await finalizers([]);
  await expect(client.get(configMaps, inDefault("a"))).rejects.toMatchObject({ code: 404 });
});

test("an EndpointSlice counts generations although it has no spec, a write that changes nothing does not", async () => {
  const { client } = await startServer();
  const slice = await client.create(endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: inDefault("s"),
    addressType: "IPv4",
    endpoints: [],
  });
  expect(slice.metadata.generation).toBe(1);
  const same = await client.update(endpointSlices, { ...slice });
  expect(same.metadata.resourceVersion).toBe(slice.metadata.resourceVersion);
  const next = await client.update(endpointSlices, {
    ...slice,
    endpoints: [{ addresses: ["127.0.0.1"] }],
  });
  expect(next.metadata.generation).toBe(2);
});
