import { afterEach, expect, test } from "vitest";
import { HttpClient } from "../../../src/client/http/http-client.ts";
import { ManualClock } from "../../manual-clock.ts";
import { type Answer, sendJson, startFakeApiServer } from "./fake-api-server.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
async function setUp(answer: Answer) {
  const clock = new ManualClock();
  const server = await startFakeApiServer(answer);
  const client = new HttpClient({ server: server.url, namespace: "default" }, { clock });
  cleanups.push(server.stop, () => client.close());
  return { server, client, clock };
}

const verbs = ["get", "list", "watch"];
const aggregated = (groups: unknown[]) => ({
  kind: "APIGroupDiscoveryList",
  apiVersion: "apidiscovery.k8s.io/v2",
  metadata: {},
  items: groups,
});
const resource = (plural: string, kind: string, scope = "Namespaced") => ({
  resource: plural,
  responseKind: { group: "", version: "", kind },
  scope,
  verbs,
});
const core = aggregated([
  {
    metadata: {},
    versions: [
      {
        version: "v1",
        resources: [
          resource("pods", "Pod"),
          resource("nodes", "Node", "Cluster"),
          { ...resource("bindings", "Binding"), verbs: ["create"] },
        ],
      },
    ],
  },
]);

test("aggregated discovery: preferred versions, scopes, only what can be listed", async () => {
  const { client, server } = await setUp(({ url }, response) =>
    sendJson(
      response,
      url === "/api"
        ? core
        : aggregated([
            {
              metadata: { name: "x.dev" },
              versions: [
                { version: "v2", resources: [resource("things", "Thing")] },
                {
                  version: "v1",
                  resources: [resource("things", "Thing"), resource("olds", "Old")],
                },
              ],
            },
          ]),
    ),
  );
  const names = (await client.resources()).map(
    (r) => `${r.plural}.${r.version}.${r.group} ${r.namespaced}`,
  );
  expect(names).toEqual([
    "pods.v1. true",
    "nodes.v1. false",
    "things.v2.x.dev true",
    "olds.v1.x.dev true",
  ]);
  expect(await client.resourceFor("x.dev/v1", "Thing")).toMatchObject({
    version: "v1",
    plural: "things",
  });
  expect(server.requests[0]?.headers.accept).toContain("as=APIGroupDiscoveryList");
  expect(server.requests).toHaveLength(2);
});

test("legacy discovery: group by group, one broken group hides no other", async () => {
  const lists: Record<string, unknown> = {
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/api/v1": {
      kind: "APIResourceList",
      groupVersion: "v1",
      resources: [
        { name: "pods", kind: "Pod", namespaced: true, verbs },
        { name: "pods/log", kind: "Pod", namespaced: true, verbs: ["get"] },
      ],
    },
    "/apis": {
      kind: "APIGroupList",
      groups: [
        { name: "metrics.k8s.io", versions: [{ groupVersion: "metrics.k8s.io/v1" }] },
        {
          name: "x.dev",
          versions: [{ groupVersion: "x.dev/v1" }, { groupVersion: "x.dev/v2" }],
          preferredVersion: { groupVersion: "x.dev/v2" },
        },
      ],
    },
  };
  for (const version of ["v1", "v2"])
    lists[`/apis/x.dev/${version}`] = {
      kind: "APIResourceList",
      groupVersion: `x.dev/${version}`,
      resources: [{ name: "things", kind: "Thing", namespaced: false, verbs }],
    };
  const { client } = await setUp(({ url }, response) => {
    const list = lists[url];
    if (list === undefined) sendJson(response, { message: "down" }, 503);
    else sendJson(response, list);
  });
  expect((await client.resources()).map((r) => `${r.plural}.${r.version}`)).toEqual([
    "pods.v1",
    "things.v2",
  ]);
});

test("an unknown kind makes it look again, but not for every question", async () => {
  const served = [resource("pods", "Pod")];
  const { client, server, clock } = await setUp(({ url }, response) =>
    sendJson(
      response,
      aggregated(
        url === "/api" ? [{ metadata: {}, versions: [{ version: "v1", resources: served }] }] : [],
      ),
    ),
  );
  expect(await client.resourceFor("v1", "Pod")).toBeDefined();
  expect(await client.resourceFor("v1", "Late")).toBeUndefined();
  expect(server.requests).toHaveLength(2);
  served.push(resource("lates", "Late"));
  await clock.advance(100);
  const found = await Promise.all([
    client.resourceFor("v1", "Late"),
    client.resourceFor("v1", "Late"),
  ]);
  expect(found.map((r) => r?.plural)).toEqual(["lates", "lates"]);
  expect(server.requests).toHaveLength(4);
});
