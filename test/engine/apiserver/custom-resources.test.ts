import { expect, test } from "vitest";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../src/kube/kinds/customresourcedefinition.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { admin, asAdmin, inDefault, startServer } from "./test-server.ts";

type Spec = CustomResourceDefinition["spec"];
type Version = Spec["versions"][number];

const version = (name: string, extra: Partial<Version> = {}): Version => ({
  name,
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            size: { type: "integer", minimum: 1 },
            color: { type: "string", default: "red" },
          },
        },
        status: { type: "object", properties: { phase: { type: "string" } } },
      },
    },
  },
  ...extra,
});

const definition = (spec: Partial<Spec> = {}, kind = "Widget"): CustomResourceDefinition => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${kind.toLowerCase()}s.example.com` },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind, plural: `${kind.toLowerCase()}s` },
    versions: [version("v1", { subresources: { status: {} } })],
    ...spec,
  },
});

const widgets: Resource<Widget> = {
  group: "example.com",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  namespaced: true,
};
interface Widget extends KubeObject {
  spec?: { size?: number; color?: string };
  status?: { phase?: string };
}
const widget = (name: string, spec: Widget["spec"] = {}): Widget => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { ...inDefault(name) },
  spec,
});
const CRD = { name: "widgets.example.com" };

test("a kind is served as soon as its definition is created, with defaults, pruning and validation", async () => {
  const { client } = await startServer();
  await expect(client.list(widgets)).rejects.toMatchObject({ code: 404 });
  const made = await client.create(customResourceDefinitions, definition());
  expect(made.status).toMatchObject({
    acceptedNames: {
      kind: "Widget",
      listKind: "WidgetList",
      plural: "widgets",
      singular: "widget",
    },
    storedVersions: ["v1"],
    conditions: [
      { type: "NamesAccepted", status: "True", reason: "NoConflicts" },
      { type: "Established", status: "True", reason: "InitialNamesAccepted" },
    ],
  });
  const created = await client.create(widgets, {
    ...widget("a", { size: 1, unknown: true } as Widget["spec"]),
    status: { phase: "Bad" },
  });
  expect(created.spec).toEqual({ size: 1, color: "red" });
  expect(created.status).toBeUndefined();
  expect(created.metadata.generation).toBe(1);
  await expect(client.create(widgets, widget("b", { size: 0 }))).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining("spec.size") as string,
  });
  expect(await client.resourceFor("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
});

test("strategic merge is 415 for custom objects; merge patch and apply work", async () => {
  const { client } = await startServer();
  await client.create(customResourceDefinitions, definition());
  await client.create(widgets, widget("a"));
  const key = inDefault("a");
  await expect(client.patch(widgets, key, { type: "strategic", body: {} })).rejects.toMatchObject({
    code: 415,
    reason: "UnsupportedMediaType",
  });
  const merged = await client.patch(widgets, key, { type: "merge", body: { spec: { size: 2 } } });
  expect(merged.metadata.generation).toBe(2);
  const applied = await client.patch(
    widgets,
    inDefault("b"),
    { type: "apply", body: { apiVersion: "example.com/v1", kind: "Widget", spec: { size: 3 } } },
    { fieldManager: "gantry" },
  );
  expect(applied.spec).toEqual({ size: 3, color: "red" });
});

test("an update of a custom object must say which state it saw", async () => {
  const { client } = await startServer();
  await client.create(customResourceDefinitions, definition());
  await client.create(widgets, widget("a"));
  await expect(client.update(widgets, widget("a", { size: 2 }))).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining("must be specified for an update") as string,
  });
});

test("objects stored before a default was added are read with it", async () => {
  const { client } = await startServer();
  const made = await client.create(
    customResourceDefinitions,
    definition({
      versions: [
        version("v1", {
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
            },
          },
        }),
      ],
    }),
  );
  await client.create(widgets, widget("a", { size: 1 }));
  await client.update(customResourceDefinitions, {
    ...made,
    spec: { ...made.spec, versions: [version("v1")] },
  });
  const read = await client.get(widgets, inDefault("a"));
  expect(read.spec).toEqual({ size: 1, color: "red" });
  expect((await client.list(widgets)).items[0]).toBe(read);
});

test("every served version shows the same objects; the storage version is remembered", async () => {
  const { client, store } = await startServer();
  const made = await client.create(
    customResourceDefinitions,
    definition({
      versions: [version("v1beta1", { storage: true }), version("v1", { storage: false })],
    }),
  );
  const beta: Resource<Widget> = { ...widgets, version: "v1beta1" };
  await client.create(widgets, widget("a", { size: 1 }));
  expect((await client.get(widgets, inDefault("a"))).apiVersion).toBe("example.com/v1");
  expect((await client.get(beta, inDefault("a"))).apiVersion).toBe("example.com/v1beta1");
  const key = { group: "example.com", plural: "widgets", namespace: "default", name: "a" };
  expect(store.get(key)?.object.apiVersion).toBe("example.com/v1beta1");
  const [preferred] = (await client.resources()).filter(({ plural }) => plural === "widgets");
  expect(preferred?.version).toBe("v1");
  const updated = await client.update(customResourceDefinitions, {
    ...made,
    spec: {
      ...made.spec,
      versions: [version("v1beta1", { storage: false }), version("v1", { storage: true })],
    },
  });
  expect(updated.status?.storedVersions).toEqual(["v1beta1", "v1"]);
});

test("a change of the definition ends the watches under the old one; a change of its metadata does not", async () => {
  const { client, server } = await startServer();
  const made = await client.create(customResourceDefinitions, definition());
  const kind = server.registry.find("example.com", "v1", "widgets");
  if (kind === undefined) throw new Error("not served");
  const watch = await server.watch(asAdmin, { kind });
  const annotated = await client.update(customResourceDefinitions, {
    ...made,
    metadata: { ...made.metadata, annotations: { a: "1" } },
  });
  await client.create(widgets, widget("a"));
  expect(await watch.next()).toMatchObject([{ type: "ADDED" }]);
  await client.update(customResourceDefinitions, {
    ...annotated,
    spec: { ...annotated.spec, versions: [version("v1")] },
  });
  expect(await watch.next()).toBeUndefined();
});

test("names that are taken are refused until they are free", async () => {
  const { client } = await startServer();
  await client.create(customResourceDefinitions, definition());
  const thief = definition(
    { names: { kind: "Gadget", plural: "gadgets", shortNames: ["widget"] } },
    "Gadget",
  );
  const refused = await client.create(customResourceDefinitions, thief);
  expect(refused.status?.conditions).toMatchObject([
    { type: "NamesAccepted", status: "False", reason: "ShortNamesConflict" },
    { type: "Established", status: "False", reason: "NotAccepted" },
  ]);
  expect(await client.resourceFor("example.com/v1", "Gadget")).toBeUndefined();
  const accepted = (async () => {
    for await (const event of client.watch(customResourceDefinitions, {
      fieldSelector: "metadata.name=gadgets.example.com",
      resourceVersion: refused.metadata.resourceVersion ?? "",
    })) {
      if (event.type === "MODIFIED") return event.object;
    }
    return undefined;
  })();
  await client.delete(customResourceDefinitions, CRD);
  expect((await accepted)?.status?.conditions).toMatchObject([
    { type: "NamesAccepted", status: "True" },
    { type: "Established", status: "True" },
  ]);
  expect(await client.resourceFor("example.com/v1", "Gadget")).toBeDefined();
});

/** Resolves when the definition is gone. */
async function goneDefinition(client: InProcessClient, resourceVersion: string): Promise<void> {
  for await (const event of client.watch(customResourceDefinitions, { resourceVersion })) {
    if (event.type === "DELETED") return;
  }
}

test("a deleted definition takes its objects along, those with finalizers in their own time", async () => {
  const { client } = await startServer();
  const made = await client.create(customResourceDefinitions, definition());
  await client.create(widgets, widget("a"));
  await client.create(widgets, {
    ...widget("held"),
    metadata: { ...inDefault("held"), finalizers: ["example.com/x"] },
  });
  const gone = goneDefinition(client, made.metadata.resourceVersion ?? "");
  const deleted = waitForDeletion(client, "held");
  const marked = await client.delete(customResourceDefinitions, CRD);
  expect(marked).toMatchObject({
    metadata: { finalizers: ["customresourcecleanup.apiextensions.k8s.io"] },
    status: {
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: "Terminating", status: "True" }),
      ]) as unknown[],
    },
  });
  await expect(client.create(widgets, widget("late"))).rejects.toMatchObject({ code: 405 });
  await deleted;
  expect((await client.list(widgets)).items.map(({ metadata }) => metadata.name)).toEqual(["held"]);
  await client.patch(widgets, inDefault("held"), {
    type: "merge",
    body: { metadata: { finalizers: null } },
  });
  await gone;
  await expect(client.list(widgets)).rejects.toMatchObject({ code: 404 });
});

/** Resolves once the object is marked for deletion. */
async function waitForDeletion(client: InProcessClient, name: string): Promise<void> {
  const fieldSelector = `metadata.name=${name}`;
  const stream = client.watch(widgets, { namespace: "default", fieldSelector });
  for await (const event of stream) {
    if (event.type !== "BOOKMARK" && event.object.metadata.deletionTimestamp !== undefined) return;
  }
}

test("a definition without objects goes at once, and can be made again", async () => {
  const { client } = await startServer();
  const made = await client.create(customResourceDefinitions, definition());
  const gone = goneDefinition(client, made.metadata.resourceVersion ?? "");
  await client.delete(customResourceDefinitions, CRD);
  await gone;
  await client.create(customResourceDefinitions, definition());
  expect(await client.create(widgets, widget("a"))).toMatchObject({ kind: "Widget" });
});

test("a server that starts on a full store serves what is defined, and finishes what was begun", async () => {
  const { client, server, store } = await startServer();
  await client.create(customResourceDefinitions, definition());
  await client.create(widgets, {
    ...widget("held"),
    metadata: { ...inDefault("held"), finalizers: ["example.com/x"] },
  });
  const marked = await client.delete(customResourceDefinitions, CRD);
  await server.close();
  const restarted = new InProcessClient(createApiServer({ store }), admin);
  expect((await restarted.list(widgets)).items).toHaveLength(1);
  const gone = goneDefinition(restarted, marked.metadata.resourceVersion ?? "");
  await restarted.patch(widgets, inDefault("held"), {
    type: "merge",
    body: { metadata: { finalizers: null } },
  });
  await gone;
});

test("versions are preferred as clients expect: stable, then beta, then alpha, newest first", async () => {
  const { client } = await startServer();
  const names = ["v1alpha1", "foo", "v2beta1", "v1", "v10", "v2", "v2beta3", "bar"];
  await client.create(
    customResourceDefinitions,
    definition({
      versions: names.map((name, index) => version(name, { storage: index === 0 })),
    }),
  );
  const [preferred] = (await client.resources()).filter(({ plural }) => plural === "widgets");
  expect(preferred?.version).toBe("v10");
});
