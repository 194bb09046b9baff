import { expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { serviceAccounts } from "../../../src/kube/kinds/serviceaccount.ts";
import { configMap, inDefault, pod, startServer } from "./test-server.ts";

const inX = (name: string) => ({ ...configMap(name), metadata: { name, namespace: "x" } });
const x = { apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } };

test("nothing is created in a namespace that does not exist", async () => {
  const { client } = await startServer();
  await expect(client.create(configMaps, inX("a"))).rejects.toMatchObject({
    code: 404,
    message: 'namespaces "x" not found',
  });
  await expect(
    client.patch(
      configMaps,
      { namespace: "x", name: "a" },
      { type: "apply", body: { apiVersion: "v1", kind: "ConfigMap" } },
      { fieldManager: "gantry" },
    ),
  ).rejects.toMatchObject({ code: 404 });
});

test("nothing is created in a namespace on its way out, but what is there can be changed and deleted", async () => {
  const { client } = await startServer();
  await client.create(namespaces, x);
  await client.create(configMaps, inX("before"));
  await client.delete(namespaces, { name: "x" });
  await expect(client.create(configMaps, inX("after"))).rejects.toMatchObject({
    code: 403,
    reason: "Forbidden",
    status: {
      details: { causes: [{ reason: "NamespaceTerminating", field: "metadata.namespace" }] },
    },
  });
  await client.update(configMaps, { ...inX("before"), data: { key: "1" } });
  await client.delete(configMaps, { namespace: "x", name: "before" });
});

test("a creation that was queued while the namespace was fine is refused if its deletion came first", async () => {
  const { client } = await startServer();
  await client.create(namespaces, x);
  // More writes than one group commit takes, so that the creation comes in a later commit.
  const fill = () =>
    Array.from({ length: 300 }, () =>
      client.update(configMaps, inX("none")).catch(() => undefined),
    );
  const before = fill();
  const deleting = client.delete(namespaces, { name: "x" });
  const between = fill();
  const queued = client.create(configMaps, inX("queued"));
  await expect(queued).rejects.toMatchObject({ code: 403 });
  await Promise.all([...before, deleting, ...between]);
});

test("a pod gets the defaults of the cluster: account, tolerations, priority", async () => {
  const { client } = await startServer();
  const { spec, status } = await client.create(pods, pod("p"));
  expect(spec).toMatchObject({
    serviceAccountName: "default",
    priority: 0,
    preemptionPolicy: "PreemptLowerPriority",
    tolerations: [
      { key: "node.kubernetes.io/not-ready", effect: "NoExecute", tolerationSeconds: 300 },
      { key: "node.kubernetes.io/unreachable", effect: "NoExecute", tolerationSeconds: 300 },
    ],
  });
  expect(status).toMatchObject({ phase: "Pending", qosClass: "BestEffort" });
});

test("a pod's priority comes from its class, never from itself", async () => {
  const { client } = await startServer();
  const critical = await client.create(
    pods,
    pod("a", { priorityClassName: "system-node-critical" }),
  );
  expect(critical.spec?.priority).toBe(2_000_001_000);
  await expect(client.create(pods, pod("b", { priorityClassName: "nope" }))).rejects.toMatchObject({
    code: 403,
  });
  await expect(client.create(pods, pod("c", { priority: 7 }))).rejects.toMatchObject({ code: 403 });
});

test("an account other than the default one must exist", async () => {
  const { client } = await startServer();
  const asRobot = pod("p", { serviceAccountName: "robot" });
  await expect(client.create(pods, asRobot)).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining('serviceaccount "robot" not found') as string,
  });
  await client.create(serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { ...inDefault("robot") },
  });
  await client.create(pods, pod("p", { serviceAccountName: "robot" }));
});
