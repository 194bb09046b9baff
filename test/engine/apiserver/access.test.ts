import { expect, test } from "vitest";
import type { AuditRecord } from "../../../src/engine/apiserver/audit.ts";
import type { AccessRequest } from "../../../src/engine/apiserver/authorizer.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { asAdmin, binding, configMap, inDefault, pod, served, startServer } from "./test-server.ts";

test("without other rules only the masters may do anything, and the refusal says who wanted what", async () => {
  const { client, server } = await startServer();
  await client.create(configMaps, configMap("a"));
  const nobody = client.as({ name: "nobody", groups: ["system:authenticated"] });
  await expect(nobody.get(configMaps, inDefault("a"))).rejects.toMatchObject({
    code: 403,
    reason: "Forbidden",
    message:
      'configmaps "a" is forbidden: User "nobody" cannot get resource "configmaps" in API group "" in the namespace "default"',
  });
  await expect(nobody.list(namespaces)).rejects.toMatchObject({ code: 403 });
  await expect(
    server.watch({ user: { name: "nobody", groups: [] } }, { kind: served(server, pods) }),
  ).rejects.toMatchObject({ code: 403 });
});

test("every operation asks the authorizer first, naming verb, resource, subresource and object", async () => {
  const requests: AccessRequest[] = [];
  const { client } = await startServer({
    authorizer: {
      authorize: (request) => {
        requests.push(request);
        return { allowed: request.verb !== "list" };
      },
      authorizePath: () => ({ allowed: true }),
    },
  });
  requests.length = 0;
  await client.create(pods, pod("p"));
  await client.create(pods as Resource, binding("p", "n"), { subresource: "binding" });
  await client.get(pods, inDefault("p"));
  await client.patch(pods, inDefault("p"), { type: "merge", body: {} }, { subresource: "status" });
  await client.update(pods, await client.get(pods, inDefault("p")));
  await client.delete(pods, inDefault("p"));
  await client.deleteCollection(pods, { namespace: "default" });
  const log = client.logs(inDefault("p"), {})[Symbol.asyncIterator]().next();
  await expect(log).rejects.toMatchObject({ code: 503 });
  await expect(client.list(pods)).rejects.toMatchObject({ code: 403 });
  expect(
    requests.map(({ verb, subresource, namespace, name }) => [verb, subresource, namespace, name]),
  ).toEqual([
    ["create", undefined, "default", undefined],
    ["create", "binding", "default", "p"],
    ["get", undefined, "default", "p"],
    ["patch", "status", "default", "p"],
    ["get", undefined, "default", "p"],
    ["update", undefined, "default", "p"],
    ["delete", undefined, "default", "p"],
    ["deletecollection", undefined, "default", undefined],
    ["get", "log", "default", "p"],
    ["list", undefined, undefined, undefined],
  ]);
});

test("a namespaced path never reaches a cluster-scoped object, nor the other way round", async () => {
  const { server } = await startServer();
  await expect(
    server.get(asAdmin, {
      kind: served(server, namespaces),
      namespace: "default",
      name: "default",
    }),
  ).rejects.toMatchObject({ code: 404 });
  await expect(
    server.get(asAdmin, { kind: served(server, pods), name: "p" }),
  ).rejects.toMatchObject({ code: 400 });
});

test("the audit sink hears of every operation, refused ones too", async () => {
  const records: AuditRecord[] = [];
  const { client } = await startServer({ audit: (record) => void records.push(record) });
  records.length = 0;
  await client.create(configMaps, configMap("a"), { dryRun: true });
  await client.get(configMaps, inDefault("a")).catch(() => undefined);
  await client
    .as({ name: "x", groups: [] })
    .list(pods)
    .catch(() => undefined);
  expect(
    records.map(({ request, dryRun, failure }) => [request.verb, dryRun, failure?.code]),
  ).toEqual([
    ["create", true, undefined],
    ["get", false, 404],
    ["list", false, 403],
  ]);
});
