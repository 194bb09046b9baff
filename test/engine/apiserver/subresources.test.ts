import { expect, test } from "vitest";
import type { LogOptions } from "../../../src/client/client.ts";
import { systemClock } from "../../../src/client/clock.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import { simulatedConnection } from "../../../src/engine/simulation/simulated-connection.ts";
import {
  asAdmin,
  binding,
  configMap,
  deployment,
  inDefault,
  pod,
  served,
  startServer,
} from "./test-server.ts";

const WEB = inDefault("web");
const P = inDefault("p");
const anything: Resource = pods as Resource;

test("the scale shows and sets the replicas", async () => {
  const { client } = await startServer();
  const made = await client.create(deployments, deployment("web", 2));
  await client.update(deployments, { ...made, status: { replicas: 1 } }, { subresource: "status" });
  const scale = await client.get(deployments as Resource, WEB, { subresource: "scale" });
  expect(scale).toMatchObject({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "web", namespace: "default", uid: made.metadata.uid },
    spec: { replicas: 2 },
    status: { replicas: 1, selector: "app=web" },
  });
  await client.update(deployments as Resource, { ...scale, spec: { replicas: 5 } } as never, {
    subresource: "scale",
  });
  const patched = await client.patch(
    deployments,
    WEB,
    { type: "merge", body: { spec: { replicas: 6 } } },
    { subresource: "scale" },
  );
  expect(patched).toMatchObject({ kind: "Scale", spec: { replicas: 6 } });
  const { spec, metadata } = await client.get(deployments, WEB);
  expect(spec?.replicas).toBe(6);
  expect(metadata.generation).toBe(3);
});

test("a scale that was read before another change is a conflict; a negative one is invalid", async () => {
  const { client } = await startServer();
  await client.create(deployments, deployment("web", 2));
  const scale = await client.get(deployments as Resource, WEB, { subresource: "scale" });
  await client.patch(deployments, WEB, { type: "merge", body: { spec: { replicas: 3 } } });
  const write = (spec: object, metadata: object) =>
    client.update(
      deployments as Resource,
      { ...scale, metadata: { ...scale.metadata, ...metadata }, spec } as never,
      { subresource: "scale" },
    );
  await expect(write({ replicas: 5 }, {})).rejects.toMatchObject({ code: 409 });
  await expect(write({ replicas: -1 }, { resourceVersion: "" })).rejects.toMatchObject({
    code: 422,
  });
  await write({ replicas: 5 }, { resourceVersion: "" });
});

test("a subresource that the kind does not have is 404", async () => {
  const { client } = await startServer();
  await client.create(configMaps, configMap("a"));
  for (const subresource of ["status", "scale", "finalize", "nope"]) {
    await expect(client.get(configMaps, inDefault("a"), { subresource })).rejects.toMatchObject({
      code: 404,
    });
  }
  await expect(
    client.create(configMaps, configMap("a"), { subresource: "binding" }),
  ).rejects.toMatchObject({ code: 404 });
});

test("a pod is bound to a node once", async () => {
  const { client } = await startServer();
  await client.create(pods, pod("p"));
  const answer = await client.create(anything, binding("p", "n1"), { subresource: "binding" });
  expect(answer).toMatchObject({ kind: "Status", status: "Success" });
  const bound = await client.get(pods, P);
  expect(bound.spec?.nodeName).toBe("n1");
  expect(bound.status?.conditions).toMatchObject([
    { type: "PodScheduled", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
  ]);
  await expect(
    client.create(anything, binding("p", "n2"), { subresource: "binding" }),
  ).rejects.toMatchObject({
    code: 409,
    message: expect.stringContaining('already assigned to node "n1"') as string,
  });
});

test("of schedulers that bind a pod at once one wins", async () => {
  const { client } = await startServer();
  await client.create(pods, pod("p"));
  const results = await Promise.allSettled(
    ["n1", "n2", "n3"].map((node) =>
      client.create(anything, binding("p", node), { subresource: "binding" }),
    ),
  );
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test.each([
  ["no node", { ...binding("p", "") }, 422],
  ["another pod", binding("other", "n1"), 400],
  ["another kind", { ...binding("p", "n1"), target: { kind: "Pod", name: "x" } }, 422],
])("a binding to %s is refused", async (_, object, code) => {
  const { client, server } = await startServer();
  await client.create(pods, pod("p"));
  await expect(
    server.create(asAdmin, { kind: served(server, pods), ...P, object, subresource: "binding" }),
  ).rejects.toMatchObject({ code });
});

test("a pod that is being deleted is not bound, one with gates neither", async () => {
  const { client } = await startServer();
  const held = { ...pod("p"), metadata: { ...P, finalizers: ["example.com/x"] } };
  await client.create(pods, held);
  await client.delete(pods, P);
  await client.create(pods, pod("gated", { schedulingGates: [{ name: "example.com/wait" }] }));
  for (const name of ["p", "gated"]) {
    await expect(
      client.create(anything, binding(name, "n1"), { subresource: "binding" }),
    ).rejects.toMatchObject({ code: 409 });
  }
});

test("an eviction deletes the pod gracefully, by the options it carries", async () => {
  const { client } = await startServer();
  await client.create(pods, pod("p", { nodeName: "n1" }));
  const eviction = {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { ...P },
    deleteOptions: { gracePeriodSeconds: 5 },
  };
  await client.create(anything, { ...eviction, deleteOptions: { dryRun: ["All"] } } as never, {
    subresource: "eviction",
  });
  expect((await client.get(pods, P)).metadata.deletionTimestamp).toBeUndefined();
  await client.create(anything, eviction, { subresource: "eviction" });
  expect((await client.get(pods, P)).metadata.deletionGracePeriodSeconds).toBe(5);
});

test("logs come from the agent of the pod's node, for the container that is meant", async () => {
  const { client, server } = await startServer();
  const asked: [string, LogOptions][] = [];
  const disconnect = server.nodes.connect("n1", {
    ...simulatedConnection(systemClock),
    async *logs(_pod, container, options) {
      asked.push([container, options]);
      yield Buffer.from("hello ");
      yield Buffer.from("world");
    },
  });
  await client.create(pods, pod("p", { nodeName: "n1" }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.logs(P, { tailLines: 2 })) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("hello world");
  expect(asked).toMatchObject([["main", { tailLines: 2 }]]);
  disconnect();
  await expect(client.logs(P, {})[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 503,
  });
});

test.each([
  ["no node yet", {}, {}, 400],
  ["a container that is not there", { nodeName: "n1" }, { container: "nope" }, 400],
  [
    "two containers and none named",
    {
      nodeName: "n1",
      containers: [
        { name: "a", image: "x:1" },
        { name: "b", image: "x:1" },
      ],
    },
    {},
    400,
  ],
])("logs of a pod with %s are refused", async (_, spec, options, code) => {
  const { client } = await startServer();
  await client.create(pods, pod("p", spec));
  const error = await client
    .logs(P, options)
    [Symbol.asyncIterator]()
    .next()
    .catch((each: unknown) => each);
  expect(error).toBeInstanceOf(StatusError);
  expect(error).toMatchObject({ code });
});
