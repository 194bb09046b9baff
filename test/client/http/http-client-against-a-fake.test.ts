import { afterEach, expect, test } from "vitest";
import type { ClusterAccess } from "../../../src/client/http/cluster-access.ts";
import { HttpClient, type HttpClientOptions } from "../../../src/client/http/http-client.ts";
import type { WatchEvent } from "../../../src/client/client.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import { ManualClock } from "../../manual-clock.ts";
import { type Answer, sendJson, startFakeApiServer } from "./fake-api-server.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(
  answer: Answer,
  options: HttpClientOptions = {},
  access: Partial<ClusterAccess> = {},
) {
  const server = await startFakeApiServer(answer);
  const client = new HttpClient({ server: server.url, namespace: "default", ...access }, options);
  cleanups.push(server.stop, () => client.close());
  return { server, client };
}
const configMap = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "a", name, resourceVersion: "3" },
});
async function failure(promise: Promise<unknown>): Promise<StatusError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return error as StatusError;
}

test("calls use the paths, queries and content types of the API", async () => {
  const { client, server } = await setUp(
    (_, response) => sendJson(response, configMap("x")),
    {},
    {
      authorization: () => Promise.resolve("Bearer t"),
    },
  );
  const key = { namespace: "a", name: "x" };
  await client.get(configMaps, key);
  await client.get(deployments, key, { subresource: "scale" });
  await client.create(configMaps, configMap("x"), { dryRun: true, fieldValidation: "Strict" });
  await client.update(
    deployments,
    { ...configMap("x") },
    { subresource: "status", fieldManager: "m" },
  );
  await client.patch(
    configMaps,
    key,
    { type: "apply", body: { data: { a: "b" } } },
    { force: true },
  );
  await client.patch(configMaps, key, { type: "json", body: [{ op: "remove", path: "/data" }] });
  await client.patch(configMaps, key, { type: "merge", body: {} });
  await client.patch(configMaps, key, { type: "strategic", body: {} });
  await client.delete(configMaps, key, { propagationPolicy: "Foreground", gracePeriodSeconds: 0 });
  await client.deleteCollection(configMaps, { namespace: "a", labelSelector: "x=y" });
  expect(
    server.requests.map(({ method, url, headers }) => [method, url, headers["content-type"]]),
  ).toEqual([
    ["GET", "/api/v1/namespaces/a/configmaps/x", undefined],
    ["GET", "/apis/apps/v1/namespaces/a/deployments/x/scale", undefined],
    [
      "POST",
      "/api/v1/namespaces/a/configmaps?fieldManager=gantry&fieldValidation=Strict&dryRun=All",
      "application/json",
    ],
    ["PUT", "/apis/apps/v1/namespaces/a/deployments/x/status?fieldManager=m", "application/json"],
    [
      "PATCH",
      "/api/v1/namespaces/a/configmaps/x?fieldManager=gantry&force=true",
      "application/apply-patch+yaml",
    ],
    [
      "PATCH",
      "/api/v1/namespaces/a/configmaps/x?fieldManager=gantry",
      "application/json-patch+json",
    ],
    [
      "PATCH",
      "/api/v1/namespaces/a/configmaps/x?fieldManager=gantry",
      "application/merge-patch+json",
    ],
    [
      "PATCH",
      "/api/v1/namespaces/a/configmaps/x?fieldManager=gantry",
      "application/strategic-merge-patch+json",
    ],
    ["DELETE", "/api/v1/namespaces/a/configmaps/x", "application/json"],
    ["DELETE", "/api/v1/namespaces/a/configmaps?labelSelector=x%3Dy", "application/json"],
  ]);
  expect(server.requests.every(({ headers }) => headers.authorization === "Bearer t")).toBe(true);
  expect(JSON.parse(server.requests[8]?.body ?? "")).toMatchObject({
    kind: "DeleteOptions",
    propagationPolicy: "Foreground",
    gracePeriodSeconds: 0,
  });
});

test("list items get the apiVersion and kind that built-in lists leave out", async () => {
  const { client, server } = await setUp((_, response) =>
    sendJson(response, {
      kind: "NamespaceList",
      apiVersion: "v1",
      metadata: { resourceVersion: "9", continue: "more", remainingItemCount: 4 },
      items: [{ metadata: { name: "a" } }],
    }),
  );
  const list = await client.list(namespaces, { limit: 1, namespace: "ignored" });
  expect(list).toMatchObject({ resourceVersion: "9", continue: "more", remainingItemCount: 4 });
  expect(list.items[0]).toEqual({ apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } });
  expect(Object.isFrozen(list.items[0]?.metadata)).toBe(true);
  expect(server.requests[0]?.url).toBe("/api/v1/namespaces?limit=1");
});

test("a Status answer becomes the same StatusError; a proxy's page becomes one too", async () => {
  const status = StatusError.notFound(configMaps, "x").status;
  const { client } = await setUp(({ url }, response) => {
    if (url.includes("configmaps")) sendJson(response, status, 404);
    else response.writeHead(502).end("<html>bad gateway</html>");
  });
  expect((await failure(client.get(configMaps, { namespace: "a", name: "x" }))).status).toEqual(
    status,
  );
  const page = await failure(client.get(namespaces, { name: "x" }));
  expect(page).toMatchObject({ code: 502, reason: "InternalError" });
  expect(page.message).toBe(
    "GET /api/v1/namespaces/x: the server answered 502: <html>bad gateway</html>",
  );
});

test("no answer is a ServiceUnavailable that says where and why, without credentials", async () => {
  const access = {
    server: "http://127.0.0.1:1",
    namespace: "a",
    authorization: () => Promise.resolve("Bearer hush"),
  };
  const client = new HttpClient(access);
  const error = await failure(client.get(namespaces, { name: "x" }));
  await client.close();
  expect(error.reason).toBe("ServiceUnavailable");
  expect(error.message).toContain("no answer from http://127.0.0.1:1: connect ECONNREFUSED");
  expect(error.message).not.toContain("hush");
});

test("an answer that is not JSON asks whether this is a Kubernetes API", async () => {
  const { client } = await setUp((_, response) => response.end("hello"));
  const error = await failure(client.get(namespaces, { name: "x" }));
  expect(error.message).toContain("/api/v1/namespaces/x: the answer is not JSON");
});

test("Warning headers reach the caller", async () => {
  const { client } = await setUp((_, response) =>
    sendJson(response, configMap("x"), 201, {
      warning: ['299 - "unknown field \\"spec.x\\""', '299 - "second, with comma"'],
    }),
  );
  const warnings: string[] = [];
  await client.create(configMaps, configMap("x"), { onWarning: (text) => warnings.push(text) });
  expect(warnings).toEqual(['unknown field "spec.x"', "second, with comma"]);
});

test("a deletion answered by a Status still tells which object is gone", async () => {
  const { client } = await setUp((_, response) =>
    sendJson(response, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { uid: "u" },
    }),
  );
  const gone = await client.delete(configMaps, { namespace: "a", name: "x" });
  expect(gone).toEqual({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: "a", name: "x", uid: "u" },
  });
});

test("a server that asks to come back later is asked again", async () => {
  const clock = new ManualClock();
  let calls = 0;
  const { client } = await setUp(
    (_, response) => {
      if (calls++ < 2) response.writeHead(429, { "retry-after": "2" }).end();
      else sendJson(response, configMap("x"));
    },
    { clock },
  );
  const got = client.get(configMaps, { namespace: "a", name: "x" });
  while (calls < 3) await clock.advance(100);
  expect((await got).metadata.name).toBe("x");
});

test("a response larger than the limit is an error, not memory", async () => {
  const { client } = await setUp((_, response) => response.end("x".repeat(5_000)), {
    limits: { maxResponseBytes: 1_000 },
  });
  expect((await failure(client.get(namespaces, { name: "x" }))).reason).toBe("ServiceUnavailable");
});

test("an aborted call rejects with the signal's reason", async () => {
  const { client } = await setUp(() => undefined);
  const abort = new AbortController();
  const got = client.get(namespaces, { name: "x" }, { signal: abort.signal });
  const reason = new Error("no longer needed");
  setImmediate(() => abort.abort(reason));
  await expect(got).rejects.toBe(reason);
});

const watchLine = (type: string, object: unknown): string =>
  `${JSON.stringify({ type, object })}\n`;
async function collect(watch: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watch) events.push(event);
  return events;
}

test("a watch yields events and bookmarks as they come and ends with the stream", async () => {
  const { client, server } = await setUp((_, response) => {
    const text =
      watchLine("ADDED", configMap("x")) +
      watchLine("DELETED", configMap("x")) +
      watchLine("BOOKMARK", {
        kind: "ConfigMap",
        metadata: { resourceVersion: "12", annotations: { "k8s.io/initial-events-end": "true" } },
      });
    response.write(text.slice(0, 30));
    setImmediate(() => response.end(text.slice(30)));
  });
  const events = await collect(
    client.watch(configMaps, { namespace: "a", resourceVersion: "2", allowBookmarks: true }),
  );
  expect(events).toEqual([
    { type: "ADDED", object: configMap("x") },
    { type: "DELETED", object: configMap("x") },
    { type: "BOOKMARK", resourceVersion: "12", initialEventsEnd: true },
  ]);
  expect(server.requests[0]?.url).toBe(
    "/api/v1/namespaces/a/configmaps?resourceVersion=2&watch=true&allowWatchBookmarks=true",
  );
});

test("an ERROR event and an HTTP 410 are both the StatusError", async () => {
  const expired = StatusError.of("Expired", "too old resource version: 1 (5)").status;
  const { client } = await setUp(({ url }, response) => {
    if (url.includes("configmaps")) response.end(watchLine("ERROR", expired));
    else sendJson(response, expired, 410);
  });
  for (const resource of [configMaps, namespaces])
    expect(
      (await failure(collect(client.watch(resource, { resourceVersion: "1" })))).status,
    ).toEqual(expired);
});

test("a watch without a byte for too long fails, so that its owner connects again", async () => {
  const { client } = await setUp(
    (_, response) => response.write(watchLine("ADDED", configMap("x"))),
    {
      limits: { idleTimeoutMs: 200 },
    },
  );
  const events: WatchEvent[] = [];
  const error = await failure(
    (async () => {
      for await (const event of client.watch(configMaps, {})) events.push(event);
    })(),
  );
  expect(events).toHaveLength(1);
  expect(error.message).toContain("Body Timeout");
});

test("an aborted watch ends quietly and closes its connection", async () => {
  let closed: () => void = () => undefined;
  const connectionClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { client } = await setUp((_, response) => {
    response.on("close", closed);
    response.write(watchLine("ADDED", configMap("x")));
  });
  const abort = new AbortController();
  let seen = 0;
  for await (const _ of client.watch(configMaps, { signal: abort.signal })) {
    seen++;
    abort.abort();
  }
  expect(seen).toBe(1);
  await connectionClosed;
});

test("logs stream raw bytes, quiet or not", async () => {
  const { client, server } = await setUp(
    (_, response) => {
      response.write("first\n");
      setTimeout(() => response.end(Buffer.from([0xff, 0x0a])), 400);
    },
    { limits: { idleTimeoutMs: 100 } },
  );
  const chunks: Uint8Array[] = [];
  const key = { namespace: "a", name: "p" };
  for await (const chunk of client.logs(key, { container: "c", follow: true, tailLines: 5 }))
    chunks.push(chunk);
  expect(Buffer.concat(chunks)).toEqual(
    Buffer.concat([Buffer.from("first\n"), Buffer.from([0xff, 0x0a])]),
  );
  expect(server.requests[0]?.url).toBe(
    "/api/v1/namespaces/a/pods/p/log?container=c&follow=true&tailLines=5",
  );
});
