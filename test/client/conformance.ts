import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client, WatchEvent, WatchOptions } from "../../src/client/client.ts";
import { Informer } from "../../src/client/informer.ts";
import type { Resource } from "../../src/kube/kind.ts";
import { type ConfigMap, configMaps } from "../../src/kube/kinds/configmap.ts";
import { customResourceDefinitions } from "../../src/kube/kinds/customresourcedefinition.ts";
import { type Deployment, deployments } from "../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { StatusError } from "../../src/kube/status-error.ts";

export interface ConformanceSetup {
  readonly client: Client;
  /** Forgets the history up to now, so that watches from before must list again. */
  compact(): Promise<void>;
  /** Lets the node `node-1` answer questions for logs with these pieces, then end. */
  serveLogs(pieces: readonly string[]): void;
  stop(): Promise<void>;
}

/** What every `Client` does, whatever is behind it. Starts on a cluster with only bootstrap objects. */
export function describeClient(name: string, start: () => Promise<ConformanceSetup>): void {
  describe(name, () => {
    let setup: ConformanceSetup;
    let client: Client;
    beforeAll(async () => {
      setup = await start();
      ({ client } = setup);
    });
    afterAll(() => setup.stop());

    /** A namespace of the test's own. */
    async function newNamespace(): Promise<string> {
      const metadata = { name: "", generateName: "conformance-" };
      const { metadata: created } = await client.create(namespaces, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata,
      });
      return created.name;
    }
    const create = (namespace: string, object: string, extra: Partial<ConfigMap> = {}) =>
      client.create(configMaps, configMap(namespace, object, extra));

    test("what is created can be read: identified, versioned, frozen", async () => {
      const namespace = await newNamespace();
      const created = await create(namespace, "x", { data: { a: "1" } });
      const read = await client.get(configMaps, { namespace, name: "x" });
      expect(read).toEqual(created);
      expect(read).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { a: "1" } });
      expect(read.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(read.metadata.resourceVersion)).toBeGreaterThan(0);
      expect(Object.isFrozen(read) && Object.isFrozen(read.data)).toBe(true);
    });

    test("generateName makes a name", async () => {
      const namespace = await newNamespace();
      const made = await create(namespace, "", {
        metadata: { namespace, name: "", generateName: "web-" },
      });
      expect(made.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    });

    test("cluster-scoped objects have no namespace in their key", async () => {
      const name = await newNamespace();
      const found = await client.get(namespaces, { name });
      expect(found.metadata).toMatchObject({ name });
      expect(found.metadata.namespace).toBeUndefined();
    });

    test("failures are the same StatusErrors everywhere", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "x" };
      const missing = await failure(client.get(configMaps, key));
      expect(missing).toMatchObject({ code: 404, reason: "NotFound" });
      expect(missing.message).toBe('configmaps "x" not found');
      expect(missing.status.details).toMatchObject({ name: "x", kind: "configmaps" });
      await create(namespace, "x");
      const twice = await failure(create(namespace, "x"));
      expect(twice).toMatchObject({ code: 409, reason: "AlreadyExists" });
      const invalid = await failure(create(namespace, "Not A Name"));
      expect(invalid).toMatchObject({ code: 422, reason: "Invalid" });
      expect(invalid.status.details?.causes?.[0]).toMatchObject({ field: "metadata.name" });
      const unknown: Resource = {
        group: "x.dev",
        version: "v1",
        kind: "X",
        plural: "xs",
        namespaced: true,
      };
      expect(await failure(client.list(unknown))).toMatchObject({ code: 404 });
      expect(await failure(client.delete(configMaps, { namespace, name: "y" }))).toMatchObject({
        code: 404,
      });
      await expect(
        client.create(configMaps, configMap("no-such-namespace", "x")),
      ).rejects.toMatchObject({ code: 404 });
    });

    test("an update replaces, and conflicts with a newer state", async () => {
      const namespace = await newNamespace();
      const created = await create(namespace, "x", { data: { a: "1" } });
      const updated = await client.update(configMaps, { ...created, data: { b: "2" } });
      expect(updated.data).toEqual({ b: "2" });
      expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
      const stale = await failure(client.update(configMaps, { ...created, data: {} }));
      expect(stale).toMatchObject({ code: 409, reason: "Conflict" });
      const same = await client.update(configMaps, updated);
      expect(same.metadata.resourceVersion).toBe(updated.metadata.resourceVersion);
    });

    test("all four patches", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "web" };
      await client.create(deployments, deployment(namespace, "web"));
      const image = async (): Promise<(string | undefined)[]> => {
        const { spec } = await client.get(deployments, key);
        return (spec?.template?.spec?.containers ?? []).map((container) => container.image);
      };
      await client.patch(deployments, key, {
        type: "json",
        body: [
          { op: "replace", path: "/spec/template/spec/containers/0/image", value: "app:json" },
        ],
      });
      expect(await image()).toEqual(["app:json", "side:1"]);
      const containers = [{ name: "app", image: "app:strategic" }];
      const body = { spec: { template: { spec: { containers } } } };
      await client.patch(deployments, key, { type: "strategic", body });
      expect(await image()).toEqual(["app:strategic", "side:1"]);
      await client.patch(deployments, key, { type: "merge", body: { spec: { replicas: 4 } } });
      expect((await client.get(deployments, key)).spec?.replicas).toBe(4);
      const applied = {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web", namespace },
        spec: { replicas: 7 },
      };
      const conflict = await failure(
        client.patch(deployments, key, { type: "apply", body: applied }, { fieldManager: "one" }),
      );
      expect(conflict).toMatchObject({ code: 409, reason: "Conflict" });
      expect(conflict.status.details?.causes?.[0]).toMatchObject({
        reason: "FieldManagerConflict",
        field: ".spec.replicas",
      });
      const options = { fieldManager: "one", force: true };
      const forced = await client.patch(
        deployments,
        key,
        { type: "apply", body: applied },
        options,
      );
      expect(forced.spec?.replicas).toBe(7);
      expect(forced.metadata.managedFields?.some(({ manager }) => manager === "one")).toBe(true);
    });

    test("apply creates what is not there", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "x" };
      const body = { apiVersion: "v1", kind: "ConfigMap", metadata: key, data: { a: "1" } };
      const made = await client.patch(
        configMaps,
        key,
        { type: "apply", body },
        { fieldManager: "m" },
      );
      expect(made.data).toEqual({ a: "1" });
    });

    test("status and scale are written apart from spec", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "web" };
      const created = await client.create(deployments, deployment(namespace, "web"));
      const spec = { ...created.spec, selector: {}, template: {}, replicas: 9 };
      const updated = await client.update(
        deployments,
        { ...created, spec, status: { observedGeneration: 1, replicas: 2 } },
        { subresource: "status" },
      );
      expect(updated.status).toMatchObject({ replicas: 2 });
      expect(updated.spec?.replicas).toBe(2);
      const scale: KubeObject & { spec?: { replicas?: number } } = await client.get(
        deployments as Resource,
        key,
        { subresource: "scale" },
      );
      expect(scale).toMatchObject({
        kind: "Scale",
        spec: { replicas: 2 },
        status: { replicas: 2 },
      });
      const larger: KubeObject & { spec: object } = { ...scale, spec: { replicas: 5 } };
      await client.update(deployments as Resource, larger, { subresource: "scale" });
      expect((await client.get(deployments, key)).spec?.replicas).toBe(5);
    });

    test("a dry run answers as if and changes nothing", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "x" };
      const made = await client.create(configMaps, configMap(namespace, "x"), { dryRun: true });
      expect(made.metadata.uid).toBeDefined();
      expect(await failure(client.get(configMaps, key))).toMatchObject({ code: 404 });
      await create(namespace, "x", { data: { a: "1" } });
      const patch = { type: "merge", body: { data: { a: "2" } } } as const;
      expect((await client.patch(configMaps, key, patch, { dryRun: true })).data).toEqual({
        a: "2",
      });
      await client.delete(configMaps, key, { dryRun: true });
      expect((await client.get(configMaps, key)).data).toEqual({ a: "1" });
    });

    test("unknown fields: an error when strict, a warning when asked for", async () => {
      const namespace = await newNamespace();
      const odd = { ...configMap(namespace, "x"), extra: true };
      const strict = await failure(client.create(configMaps, odd, { fieldValidation: "Strict" }));
      expect(strict).toMatchObject({ code: 400, reason: "BadRequest" });
      expect(strict.message).toContain('unknown field "extra"');
      const warnings: string[] = [];
      const onWarning = (text: string): void => {
        warnings.push(text);
      };
      await client.create(configMaps, odd, { fieldValidation: "Warn", onWarning });
      expect(warnings).toEqual(['unknown field "extra"']);
    });

    test("lists: everywhere, by namespace, by label, by field, with kinds filled in", async () => {
      const [one, two] = [await newNamespace(), await newNamespace()];
      for (const [namespace, object, tier] of [
        [one, "a", "front"],
        [one, "b", "back"],
        [two, "a", "front"],
      ] as const)
        await create(namespace, object, {
          metadata: { namespace, name: object, labels: { tier } },
        });
      const names = async (options: Parameters<Client["list"]>[1]): Promise<string[]> =>
        (await client.list(configMaps, options)).items.map(
          ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
        );
      expect(await names({ namespace: one })).toEqual([`${one}/a`, `${one}/b`]);
      expect(await names({ labelSelector: "tier=front" })).toEqual(
        [`${one}/a`, `${two}/a`].sort((a, b) => a.localeCompare(b)),
      );
      expect(await names({ namespace: one, labelSelector: "tier in (back)" })).toEqual([
        `${one}/b`,
      ]);
      expect(await names({ namespace: one, fieldSelector: "metadata.name=a" })).toEqual([
        `${one}/a`,
      ]);
      const { items } = await client.list(configMaps, { namespace: two });
      expect(items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
      expect(Object.isFrozen(items[0]?.metadata)).toBe(true);
      expect(await failure(client.list(configMaps, { labelSelector: "a in (" }))).toMatchObject({
        code: 400,
      });
    });

    test("pages of a list are one snapshot", async () => {
      const namespace = await newNamespace();
      for (const object of ["a", "b", "c"]) await create(namespace, object);
      const first = await client.list(configMaps, { namespace, limit: 2 });
      expect(first.items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
      expect(first.remainingItemCount).toBe(1);
      await create(namespace, "d");
      const rest = await client.list(configMaps, {
        namespace,
        limit: 2,
        ...(first.continue === undefined ? {} : { continue: first.continue }),
      });
      expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(["c"]);
      expect(rest.resourceVersion).toBe(first.resourceVersion);
      expect(rest.continue).toBeUndefined();
    });

    test("a watch brings every change after a list, in order", async () => {
      const namespace = await newNamespace();
      const { resourceVersion } = await client.list(configMaps, { namespace });
      const x = await create(namespace, "x", { data: { n: "1" } });
      await client.update(configMaps, { ...x, data: { n: "2" } });
      await client.delete(configMaps, { namespace, name: "x" });
      const seen = await take(client, configMaps, { namespace, resourceVersion }, 3);
      expect(
        seen.map((event) =>
          event.type === "BOOKMARK" ? "" : `${event.type} ${event.object.data?.n}`,
        ),
      ).toEqual(["ADDED 1", "MODIFIED 2", "DELETED 2"]);
      const revisions = seen.map((event) =>
        event.type === "BOOKMARK" ? 0 : Number(event.object.metadata.resourceVersion),
      );
      expect([...revisions].sort((a, b) => a - b)).toEqual(revisions);
      expect(new Set(revisions).size).toBe(3);
      const resumed = await take(
        client,
        configMaps,
        { namespace, resourceVersion: String(revisions[1]) },
        1,
      );
      expect(resumed).toMatchObject([{ type: "DELETED" }]);
    });

    test("a watch with a selector: entering is ADDED, leaving is DELETED", async () => {
      const namespace = await newNamespace();
      const { resourceVersion } = await client.list(configMaps, { namespace });
      const x = await create(namespace, "x");
      const metadata = { ...x.metadata, labels: { on: "yes" } };
      const labeled = await client.update(configMaps, { ...x, metadata });
      await client.update(configMaps, {
        ...labeled,
        metadata: { ...labeled.metadata, labels: {} },
      });
      const seen = await take(
        client,
        configMaps,
        { namespace, resourceVersion, labelSelector: "on" },
        2,
      );
      expect(seen.map(({ type }) => type)).toEqual(["ADDED", "DELETED"]);
    });

    test("initial events, then a bookmark that says they are all", async () => {
      const namespace = await newNamespace();
      await create(namespace, "x");
      const seen = await take(
        client,
        configMaps,
        { namespace, sendInitialEvents: true, allowBookmarks: true },
        2,
      );
      expect(seen).toMatchObject([
        { type: "ADDED", object: { metadata: { name: "x" } } },
        { type: "BOOKMARK", initialEventsEnd: true },
      ]);
    });

    test("a watch ends quietly when its signal aborts, and by itself after its timeout", async () => {
      const namespace = await newNamespace();
      const abort = new AbortController();
      const watching = collect(
        client.watch(configMaps, { namespace, resourceVersion: "0", signal: abort.signal }),
      );
      setImmediate(() => abort.abort());
      expect(await watching).toEqual([]);
    });

    test("a watch from a forgotten revision fails with 410", async () => {
      const namespace = await newNamespace();
      const { resourceVersion } = await client.list(configMaps, { namespace });
      await create(namespace, "x");
      await create(namespace, "y");
      await setup.compact();
      const error = await failure(
        collect(client.watch(configMaps, { namespace, resourceVersion })),
      );
      expect(error).toMatchObject({ code: 410, reason: "Expired" });
    });

    test("deletion: preconditions, finalizers, then gone", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "x" };
      const metadata = { ...key, finalizers: ["x.dev/hold"] };
      const x = await create(namespace, "x", { metadata });
      const wrong = await failure(
        client.delete(configMaps, key, { preconditions: { uid: "other" } }),
      );
      expect(wrong).toMatchObject({ code: 409, reason: "Conflict" });
      const preconditions = x.metadata.uid === undefined ? {} : { uid: x.metadata.uid };
      const held = await client.delete(configMaps, key, { preconditions });
      expect(held.metadata.deletionTimestamp).toBeDefined();
      await client.patch(configMaps, key, {
        type: "merge",
        body: { metadata: { finalizers: null } },
      });
      expect(await failure(client.get(configMaps, key))).toMatchObject({ code: 404 });
      await create(namespace, "x");
      const gone = await client.delete(configMaps, key);
      expect(gone).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", metadata: key });
      expect(gone.metadata.deletionTimestamp).toBeUndefined();
    });

    test("deletion with a propagation policy marks the object accordingly", async () => {
      const namespace = await newNamespace();
      await client.create(deployments, deployment(namespace, "web"));
      const options = { propagationPolicy: "Foreground" } as const;
      const held = await client.delete(deployments, { namespace, name: "web" }, options);
      expect(held.metadata.finalizers).toEqual(["foregroundDeletion"]);
    });

    test("a collection is deleted by selector", async () => {
      const namespace = await newNamespace();
      for (const object of ["a", "b"])
        await create(namespace, object, {
          metadata: { namespace, name: object, labels: { object } },
        });
      await client.deleteCollection(configMaps, { namespace, labelSelector: "object=a" });
      const { items } = await client.list(configMaps, { namespace });
      expect(items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
    });

    test("resources are found by kind, new custom ones included", async () => {
      expect(await client.resourceFor("apps/v1", "Deployment")).toMatchObject({
        group: "apps",
        plural: "deployments",
        namespaced: true,
      });
      expect(await client.resourceFor("v1", "Namespace")).toMatchObject({ namespaced: false });
      expect(await client.resourceFor("x.dev/v1", "Late")).toBeUndefined();
      await client.create(customResourceDefinitions, {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: "lates.x.dev" },
        spec: {
          group: "x.dev",
          scope: "Cluster",
          names: { plural: "lates", singular: "late", kind: "Late" },
          versions: [
            {
              name: "v1",
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: "object" } },
            },
          ],
        },
      });
      await expect
        .poll(() => client.resourceFor("x.dev/v1", "Late"), { timeout: 10_000 })
        .toMatchObject({
          group: "x.dev",
          version: "v1",
          plural: "lates",
          namespaced: false,
        });
      const late = await client.resourceFor("x.dev/v1", "Late");
      if (late === undefined) throw new Error("not served");
      await client.create(late, {
        apiVersion: "x.dev/v1",
        kind: "Late",
        metadata: { name: "one" },
      });
      expect((await client.list(late)).items).toMatchObject([
        { apiVersion: "x.dev/v1", kind: "Late" },
      ]);
      const plurals = (await client.resources()).map(({ plural }) => plural);
      expect(plurals).toEqual(expect.arrayContaining(["pods", "deployments", "configmaps"]));
      expect(plurals.some((plural) => plural.includes("/"))).toBe(false);
    });

    test("logs are the bytes that the node sends", async () => {
      const namespace = await newNamespace();
      const key = { namespace, name: "p" };
      await client.create(pods, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: key,
        spec: { nodeName: "node-1", containers: [{ name: "app", image: "app:1" }] },
      });
      setup.serveLogs(["first\n", "sec", "ond\n"]);
      const pieces: Uint8Array[] = [];
      for await (const piece of client.logs(key, { container: "app" })) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toBe("first\nsecond\n");
      const missing = client.logs({ namespace, name: "none" }, {});
      expect(await failure(collect(missing))).toMatchObject({ code: 404 });
    });

    test("an informer works on it", async () => {
      const namespace = await newNamespace();
      await create(namespace, "before");
      const informer = new Informer(client, configMaps, { namespace });
      const abort = new AbortController();
      const ended = informer.run(abort.signal);
      await informer.synced;
      expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(["before"]);
      const seen = new Promise<string>((resolve) => {
        informer.onChange(({ type, object }) => {
          if (object.metadata.name === "after") resolve(type);
        });
      });
      const after = await create(namespace, "after");
      expect(await seen).toBe("ADDED");
      expect(informer.resourceVersion).toBe(after.metadata.resourceVersion);
      abort.abort();
      await ended;
    });
  });
}

function configMap(namespace: string, name: string, extra: Partial<ConfigMap> = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, ...extra };
}

function deployment(namespace: string, name: string): Deployment {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace, name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            { name: "app", image: "app:1" },
            { name: "side", image: "side:1" },
          ],
        },
      },
    },
  };
}

async function failure(promise: Promise<unknown>): Promise<StatusError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return error as StatusError;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The first `count` events; then the watch is left. */
async function take<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: WatchOptions,
  count: number,
): Promise<WatchEvent<T>[]> {
  const abort = new AbortController();
  const events: WatchEvent<T>[] = [];
  for await (const event of client.watch(resource, { ...options, signal: abort.signal })) {
    events.push(event);
    if (events.length === count) break;
  }
  abort.abort();
  return events;
}
