/** Who may do what, by roles and bindings as they are stored. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Client } from "../../../../src/client/client.ts";
import { bootstrap } from "../../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../../src/engine/apiserver/in-process-client.ts";
import { clusterRoles } from "../../../../src/kube/kinds/clusterrole.ts";
import { clusterRoleBindings } from "../../../../src/kube/kinds/clusterrolebinding.ts";
import { configMaps } from "../../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { type Role, roles } from "../../../../src/kube/kinds/role.ts";
import { type RoleBinding, roleBindings } from "../../../../src/kube/kinds/rolebinding.ts";
import { secrets } from "../../../../src/kube/kinds/secret.ts";
import { startServer, type TestServer } from "../test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
  await bootstrap(server.server);
});

const GROUP = "rbac.authorization.k8s.io";
const as = (name: string, ...groups: string[]): Client =>
  new InProcessClient(server.server, { name, groups: ["system:authenticated", ...groups] });
const inDefault = (name: string) => ({ namespace: "default", name });
type Rules = NonNullable<Role["rules"]>;
const READ_MAPS: Rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] }];

async function role(name: string, rules: Rules, namespace = "default"): Promise<void> {
  await server.client.create(roles, {
    apiVersion: `${GROUP}/v1`,
    kind: "Role",
    metadata: { name, namespace },
    rules,
  });
}
const bindingOf = (
  name: string,
  kind: "Role" | "ClusterRole",
  subjects: NonNullable<RoleBinding["subjects"]>,
): RoleBinding => ({
  apiVersion: `${GROUP}/v1`,
  kind: "RoleBinding",
  metadata: inDefault(name),
  roleRef: { apiGroup: GROUP, kind, name },
  subjects,
});
const user = (name: string) => ({ apiGroup: GROUP, kind: "User", name });
const bind = (name: string, ...subjects: NonNullable<RoleBinding["subjects"]>) =>
  server.client.create(roleBindings, bindingOf(name, "Role", subjects));
const map = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: inDefault(name),
});

test("a role allows what it says, in its namespace, to whom it is bound, until it is not", async () => {
  await server.client.create(configMaps, map("a"));
  await role("reader", READ_MAPS);
  const ada = as("ada");
  await expect(ada.get(configMaps, inDefault("a"))).rejects.toMatchObject({ code: 403 });
  await bind("reader", user("ada"));
  expect((await ada.get(configMaps, inDefault("a"))).metadata.name).toBe("a");
  expect((await ada.list(configMaps, { namespace: "default" })).items).toHaveLength(1);
  await expect(ada.list(configMaps)).rejects.toMatchObject({ code: 403 });
  await expect(ada.list(configMaps, { namespace: "kube-system" })).rejects.toMatchObject({
    code: 403,
  });
  await expect(ada.create(configMaps, map("b"))).rejects.toMatchObject({ code: 403 });
  await expect(as("bob").get(configMaps, inDefault("a"))).rejects.toMatchObject({ code: 403 });
  await server.client.delete(roleBindings, inDefault("reader"));
  await expect(ada.get(configMaps, inDefault("a"))).rejects.toMatchObject({ code: 403 });
});

test("groups and service accounts are bound, the latter by name and namespace", async () => {
  await role("reader", READ_MAPS);
  await bind(
    "reader",
    { apiGroup: GROUP, kind: "Group", name: "devs" },
    { kind: "ServiceAccount", name: "robot" },
  );
  const list = (client: Client) => client.list(configMaps, { namespace: "default" });
  await expect(list(as("eve", "devs"))).resolves.toBeDefined();
  await expect(list(as("system:serviceaccount:default:robot"))).resolves.toBeDefined();
  await expect(list(as("system:serviceaccount:other:robot"))).rejects.toMatchObject({ code: 403 });
  await expect(list(as("robot"))).rejects.toMatchObject({ code: 403 });
});

test("a ClusterRole that is bound in a namespace holds there only", async () => {
  const subjects = [user("ada")];
  await server.client.create(
    roleBindings,
    bindingOf("system:aggregate-to-view", "ClusterRole", subjects),
  );
  await expect(as("ada").list(pods, { namespace: "default" })).resolves.toBeDefined();
  await expect(as("ada").list(pods)).rejects.toMatchObject({ code: 403 });
  await expect(as("ada").list(secrets, { namespace: "default" })).rejects.toMatchObject({
    code: 403,
  });
  await server.client.create(clusterRoleBindings, {
    apiVersion: `${GROUP}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "everywhere" },
    roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: "system:aggregate-to-view" },
    subjects,
  });
  await expect(as("ada").list(pods)).resolves.toBeDefined();
});

test("rules name subresources and objects apart", async () => {
  await server.client.create(configMaps, map("mine"));
  await server.client.create(configMaps, map("other"));
  await role("narrow", [
    { apiGroups: [""], resources: ["configmaps"], resourceNames: ["mine"], verbs: ["get", "list"] },
    { apiGroups: [""], resources: ["pods/status", "*/log"], verbs: ["get"] },
  ]);
  await bind("narrow", user("ada"));
  const ada = as("ada");
  await expect(ada.get(configMaps, inDefault("mine"))).resolves.toBeDefined();
  await expect(ada.get(configMaps, inDefault("other"))).rejects.toMatchObject({ code: 403 });
  // A list has no name.
  await expect(ada.list(configMaps, { namespace: "default" })).rejects.toMatchObject({ code: 403 });
  await expect(ada.get(pods, inDefault("p"))).rejects.toMatchObject({ code: 403 });
  await expect(ada.get(pods, inDefault("p"), { subresource: "status" })).rejects.toMatchObject({
    code: 404,
  });
});

test("`system:masters` may do everything, `cluster-admin` too", async () => {
  await expect(as("root", "system:masters").list(secrets)).resolves.toBeDefined();
  const roleRef = { apiGroup: GROUP, kind: "ClusterRole", name: "cluster-admin" };
  await server.client.create(clusterRoleBindings, {
    apiVersion: `${GROUP}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "ada" },
    roleRef,
    subjects: [user("ada")],
  });
  await expect(
    as("ada").create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } }),
  ).resolves.toBeDefined();
});

describe("nobody gives away more than they have", () => {
  const MANAGE: Rules = [
    { apiGroups: [GROUP], resources: ["roles", "rolebindings"], verbs: ["*"] },
    ...READ_MAPS,
  ];
  const newRole = (name: string, rules: Rules): Role => ({
    apiVersion: `${GROUP}/v1`,
    kind: "Role",
    metadata: inDefault(name),
    rules,
  });
  const manage = MANAGE.map((rule) =>
    rule.apiGroups?.includes(GROUP) === true
      ? { ...rule, verbs: ["create", "update", "get", "delete"] }
      : rule,
  );
  beforeEach(async () => {
    await role("manager", manage);
    await bind("manager", user("ada"));
  });

  test("a role with rules of one's own may be made, one with others may not", async () => {
    const ada = as("ada");
    await ada.create(roles, newRole("same", READ_MAPS));
    const more = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }];
    await expect(ada.create(roles, newRole("more", more))).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining(
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      ) as string,
    });
    const same = await ada.get(roles, inDefault("same"));
    await expect(ada.update(roles, { ...same, rules: more })).rejects.toMatchObject({ code: 403 });
    // What is not changed about the rules is no escalation, whatever they are.
    await server.client.update(roles, { ...same, rules: more });
    const now = await ada.get(roles, inDefault("same"));
    const labelled = { ...now, metadata: { ...now.metadata, labels: { a: "b" } } };
    await expect(ada.update(roles, labelled)).resolves.toBeDefined();
  });

  test("a role may be bound by who has all that it allows", async () => {
    const ada = as("ada");
    await role("reader", READ_MAPS);
    await role("secrets", [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }]);
    const eve = [user("eve")];
    await ada.create(roleBindings, bindingOf("reader", "Role", eve));
    await expect(ada.create(roleBindings, bindingOf("secrets", "Role", eve))).rejects.toMatchObject(
      { code: 403 },
    );
    await expect(
      ada.create(roleBindings, bindingOf("cluster-admin", "ClusterRole", [user("ada")])),
    ).rejects.toMatchObject({ code: 403 });
    await expect(ada.create(roleBindings, bindingOf("absent", "Role", eve))).rejects.toMatchObject({
      code: 404,
    });
  });

  test("`bind` and `escalate` allow it nevertheless", async () => {
    await role("secrets", [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }]);
    await role("trusted", [
      { apiGroups: [GROUP], resources: ["roles"], resourceNames: ["secrets"], verbs: ["bind"] },
      { apiGroups: [GROUP], resources: ["roles"], resourceNames: ["any"], verbs: ["escalate"] },
    ]);
    await bind("trusted", user("ada"));
    await as("ada").create(roleBindings, bindingOf("secrets", "Role", [user("eve")]));
    const all = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    await as("ada").create(roles, newRole("any", all));
  });
});

describe("the aggregation of ClusterRoles gives away nothing either", () => {
  beforeEach(async () => {
    await server.client.create(clusterRoles, {
      apiVersion: `${GROUP}/v1`,
      kind: "ClusterRole",
      metadata: { name: "role-editor" },
      rules: [{ apiGroups: [GROUP], resources: ["clusterroles"], verbs: ["get", "update"] }],
    });
    await server.client.create(clusterRoleBindings, {
      apiVersion: `${GROUP}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "ada-edits-roles" },
      roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: "role-editor" },
      subjects: [user("ada")],
    });
  });

  test("a label that has another role gather rules takes all of these rules", async () => {
    const powerful = await as("ada").get(clusterRoles, { name: "cluster-admin" });
    const labels = {
      ...powerful.metadata.labels,
      "rbac.authorization.k8s.io/aggregate-to-view": "true",
    };
    const labelled = { ...powerful, metadata: { ...powerful.metadata, labels } };
    await expect(as("ada").update(clusterRoles, labelled)).rejects.toMatchObject({ code: 403 });
    const annotations = { ...powerful.metadata.annotations, note: "x" };
    const noted = { ...powerful, metadata: { ...powerful.metadata, annotations } };
    await expect(as("ada").update(clusterRoles, noted)).resolves.toBeDefined();
  });

  test("ending the aggregation of a role takes everything, as beginning it does", async () => {
    const { aggregationRule: _, ...view } = await as("ada").get(clusterRoles, { name: "view" });
    await expect(as("ada").update(clusterRoles, view)).rejects.toMatchObject({ code: 403 });
  });
});

test("a binding names its role for good", async () => {
  await role("reader", READ_MAPS);
  const binding = await bind("reader", user("ada"));
  const other = { ...binding, roleRef: { ...binding.roleRef, name: "other" } };
  await expect(server.client.update(roleBindings, other)).rejects.toMatchObject({ code: 422 });
});

test("the default roles are there from the start", async () => {
  const names = (await server.client.list(clusterRoles)).items.map(({ metadata }) => metadata.name);
  expect(names).toEqual(
    expect.arrayContaining(["admin", "cluster-admin", "edit", "system:discovery", "view"]),
  );
});
