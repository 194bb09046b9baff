import { expect, test } from "vitest";
import { bootstrap } from "../../../src/engine/apiserver/bootstrap.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { type PriorityClass, priorityClasses } from "../../../src/kube/kinds/priorityclass.ts";
import { inDefault, pod, startServer } from "./test-server.ts";

const priorityClass = (name: string, value: number, rest = {}): PriorityClass => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  ...rest,
});

test("every cluster has the system's classes, which nobody can delete", async () => {
  const { server, client } = await startServer();
  await bootstrap(server);
  const { items } = await client.list(priorityClasses);
  expect(items.map(({ metadata, value }) => [metadata.name, value])).toEqual([
    ["system-cluster-critical", 2_000_000_000],
    ["system-node-critical", 2_000_001_000],
  ]);
  await expect(
    client.delete(priorityClasses, { name: "system-node-critical" }),
  ).rejects.toMatchObject({ code: 403 });
});

test("a pod takes value and preemption policy of its class", async () => {
  const { client } = await startServer();
  await client.create(priorityClasses, priorityClass("high", 10, { preemptionPolicy: "Never" }));
  const created = await client.create(pods, pod("a", { priorityClassName: "high" }));
  expect(created.spec).toMatchObject({ priority: 10, preemptionPolicy: "Never" });
  await client.create(pods, pod("b", { priorityClassName: "high", priority: 10 }));
  await expect(
    client.create(
      pods,
      pod("c", { priorityClassName: "high", preemptionPolicy: "PreemptLowerPriority" }),
    ),
  ).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining("the string value of PreemptionPolicy") as string,
  });
});

test("pods without a class get the global default, of which there is only one", async () => {
  const { client } = await startServer();
  await client.create(priorityClasses, priorityClass("usual", 5, { globalDefault: true }));
  const created = await client.create(pods, pod("a"));
  expect(created.spec).toMatchObject({ priority: 5, priorityClassName: "usual" });
  await expect(
    client.create(priorityClasses, priorityClass("other", 6, { globalDefault: true })),
  ).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining("PriorityClass usual is already marked as default") as string,
  });
  await client.create(priorityClasses, priorityClass("other", 6));
  await client.delete(priorityClasses, { name: "usual" });
  const patch = { type: "merge", body: { globalDefault: true } } as const;
  await client.patch(priorityClasses, { name: "other" }, patch);
  expect((await client.create(pods, pod("b"))).spec?.priority).toBe(6);
});

test("a class that is deleted leaves its pods their priority, and a replaced pod keeps it", async () => {
  const { client } = await startServer();
  await client.create(priorityClasses, priorityClass("high", 10));
  const created = await client.create(pods, pod("a", { priorityClassName: "high" }));
  await client.delete(priorityClasses, { name: "high" });
  const { priority: _priority, preemptionPolicy: _policy, ...spec } = created.spec ?? {};
  await client.update(pods, {
    ...created,
    metadata: { ...created.metadata, labels: { a: "b" } },
    spec: { containers: [], ...spec },
  });
  expect((await client.get(pods, inDefault("a"))).spec?.priority).toBe(10);
});
