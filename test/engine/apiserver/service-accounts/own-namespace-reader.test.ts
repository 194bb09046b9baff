import { expect, it } from "vitest";
import { ownNamespaceReader } from "../../../../src/engine/apiserver/service-accounts/service-account-access.ts";
import type { AccessRequest } from "../../../../src/engine/apiserver/authorizer.ts";

const user = { name: "system:serviceaccount:shop:robot", groups: [] };
const may = (request: Partial<AccessRequest>): boolean =>
  ownNamespaceReader.authorize({
    user,
    verb: "get",
    group: "",
    version: "v1",
    plural: "pods",
    namespace: "shop",
    name: "a",
    ...request,
  }).allowed;

it.each<[string, Partial<AccessRequest>]>([
  ["a pod", {}],
  ["all pods", { verb: "list" }],
  ["changes of config maps", { verb: "watch", plural: "configmaps" }],
  ["the scale of a deployment", { group: "apps", plural: "deployments", subresource: "scale" }],
])("reads %s of its namespace", (_, request) => {
  expect(may(request)).toBe(true);
});

it.each<[string, Partial<AccessRequest>]>([
  ["Secrets", { plural: "secrets" }],
  ["what is elsewhere", { namespace: "shop-2" }],
  ["everything of a kind at once", { verb: "list", namespace: "" }],
  ["nodes", { plural: "nodes", namespace: "" }],
  ["logs", { subresource: "log" }],
  ["processes", { verb: "create", subresource: "exec" }],
  ["tokens", { verb: "create", plural: "serviceaccounts", subresource: "token" }],
  ["pods to be made", { verb: "create" }],
  ["pods to be deleted", { verb: "delete" }],
  ["kinds of others with a known name", { group: "example.com" }],
  [
    "anything when it is somebody else",
    { user: { name: "shop", groups: ["system:serviceaccounts:shop"] } },
  ],
])("does not reach %s", (_, request) => {
  expect(may(request)).toBe(false);
});

it("does not reach its namespace's namesake by a name with a colon", () => {
  expect(may({ user: { name: "system:serviceaccount::shop", groups: [] } })).toBe(false);
  expect(may({ user: { name: "system:serviceaccount:", groups: [] }, namespace: "" })).toBe(false);
});
