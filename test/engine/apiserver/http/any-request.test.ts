import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { CONFIG_MAPS, useHttpsServer } from "./https-fixture.ts";

const server = useHttpsServer();
afterAll(() => expect(server.faults).toEqual([]));

/** Chosen once; a failure prints the one that replays it. */
const SEED = 20261122;
const RUNS = 400;

const plural = fc.constantFrom(
  "configmaps",
  "secrets",
  "pods",
  "services",
  "deployments",
  "nodes",
  "namespaces",
  "events",
  "customresourcedefinitions",
  "applications",
  "leases",
  "endpointslices",
);
const root = fc.constantFrom(
  "/api/v1",
  "/apis/apps/v1",
  "/apis/gantry.dev/v1",
  "/apis/apiextensions.k8s.io/v1",
  "/openapi/v3",
  "/apis",
);
const word = fc.oneof(
  fc.constantFrom(
    "default",
    "kube-system",
    "web",
    "status",
    "scale",
    "log",
    "x",
    "",
    "..",
    "%2e",
    "%2F",
    "%",
    "-",
    "namespaces",
    "binding",
    "eviction",
    "finalize",
  ),
  fc.string({ maxLength: 8 }).map(encodeURIComponent),
);
const path = fc.oneof(
  fc.tuple(root, plural).map((parts) => parts.join("/")),
  fc
    .tuple(root, word, plural, word)
    .map(([start, namespace, kind, name]) => `${start}/namespaces/${namespace}/${kind}/${name}`),
  fc
    .tuple(root, fc.array(word, { maxLength: 6 }))
    .map(([start, words]) => [start, ...words].join("/")),
  fc.constantFrom(
    CONFIG_MAPS,
    `${CONFIG_MAPS}/web`,
    "/apis/apps/v1/namespaces/default/deployments/web/scale",
    "/api/v1/namespaces/default/pods/web/log",
  ),
);
const query = fc
  .array(
    fc
      .tuple(
        fc.constantFrom(
          "labelSelector",
          "fieldSelector",
          "limit",
          "continue",
          "resourceVersion",
          "resourceVersionMatch",
          "sendInitialEvents",
          "dryRun",
          "fieldManager",
          "fieldValidation",
          "force",
          "includeObject",
          "propagationPolicy",
          "gracePeriodSeconds",
          "tailLines",
          "sinceTime",
          "container",
          "pretty",
        ),
        fc.oneof(
          fc.constantFrom(
            "",
            "0",
            "1",
            "-1",
            "true",
            "All",
            "Strict",
            "Exact",
            "a=b",
            "a in (b)",
            "!a",
            "metadata.name=web",
            "spec.nodeName!=x",
            "99999",
          ),
          fc.string({ maxLength: 12 }),
        ),
      )
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`),
    { maxLength: 4 },
  )
  .map((pairs) => (pairs.length === 0 ? "" : `?${pairs.join("&")}`));
const metadata = fc.record(
  {
    name: fc.oneof(fc.constantFrom("web", "x", "default"), fc.jsonValue({ maxDepth: 1 })),
    namespace: fc.oneof(fc.constantFrom("default", ""), fc.jsonValue({ maxDepth: 1 })),
    labels: fc.jsonValue({ maxDepth: 2 }),
    annotations: fc.jsonValue({ maxDepth: 2 }),
    finalizers: fc.jsonValue({ maxDepth: 2 }),
    ownerReferences: fc.jsonValue({ maxDepth: 2 }),
    managedFields: fc.jsonValue({ maxDepth: 2 }),
    generateName: fc.jsonValue({ maxDepth: 1 }),
    resourceVersion: fc.jsonValue({ maxDepth: 1 }),
    uid: fc.jsonValue({ maxDepth: 1 }),
    deletionTimestamp: fc.jsonValue({ maxDepth: 1 }),
  },
  { requiredKeys: ["name"] },
);
const object = fc.record(
  {
    apiVersion: fc.constantFrom(
      "v1",
      "apps/v1",
      "gantry.dev/v1",
      "apiextensions.k8s.io/v1",
      "meta.k8s.io/v1",
    ),
    kind: fc.constantFrom(
      "ConfigMap",
      "Secret",
      "Pod",
      "Service",
      "Deployment",
      "Namespace",
      "CustomResourceDefinition",
      "Application",
      "Scale",
      "DeleteOptions",
    ),
    metadata: fc.oneof(metadata, fc.jsonValue({ maxDepth: 1 })),
    spec: fc.jsonValue({ maxDepth: 4 }),
    data: fc.jsonValue({ maxDepth: 2 }),
    status: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: [] },
);
const operation = fc.record(
  {
    op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test", "dance"),
    path: fc.constantFrom(
      "/metadata",
      "/spec/replicas",
      "/data",
      "/data/a",
      "",
      "/",
      "/metadata/labels/x",
      "/spec/template/spec/containers/0",
      "nowhere",
      "/spec/-",
    ),
    from: fc.constantFrom("/metadata/name", "/spec", "", "/data"),
    value: fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: ["op", "path"] },
);
const body = fc.oneof(
  { weight: 6, arbitrary: object.map((value) => JSON.stringify(value)) },
  {
    weight: 2,
    arbitrary: fc.array(operation, { maxLength: 4 }).map((value) => JSON.stringify(value)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const contentType = fc.constantFrom(
  "application/json",
  "application/yaml",
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "text/plain",
  "",
);
const accept = fc.constantFrom(
  "application/json",
  "*/*",
  "",
  "application/json;as=Table;v=v1;g=meta.k8s.io",
  ";;;",
  "a/b;=,",
  "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");

test("whatever is asked gets an answer, and none is the server's fault", {
  timeout: 120_000,
}, async () => {
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      selector: { matchLabels: { a: "b" } },
      template: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "c", image: "i" }] },
      },
    },
  };
  const put = (at: string, value: object) => server.ask(at, { method: "POST", body: value });
  await fc.assert(
    fc.asyncProperty(
      fc.record({ method, path, query, body, contentType, accept }),
      async (asked) => {
        // There again if an earlier request removed them.
        await put(CONFIG_MAPS, { metadata: { name: "web" }, data: { a: "1" } });
        await put("/apis/apps/v1/namespaces/default/deployments", deployment);
        const seen = server.faults.length;
        const { code } = await server.ask(`${asked.path}${asked.query}`, {
          method: asked.method,
          ...(asked.body === undefined ? {} : { body: asked.body }),
          headers: { "content-type": asked.contentType, accept: asked.accept },
        });
        expect(server.faults.slice(seen)).toEqual([]);
        expect(code).toBeGreaterThanOrEqual(200);
        expect([500, 502]).not.toContain(code);
      },
    ),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  expect((await server.ask("/version")).code).toBe(200);
});
