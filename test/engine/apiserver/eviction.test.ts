/** What an eviction asks of a PodDisruptionBudget, and what it leaves behind. */
import { describe, expect, test } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import {
  type PodDisruptionBudget,
  podDisruptionBudgets,
} from "../../../src/kube/kinds/poddisruptionbudget.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { startServer } from "./test-server.ts";

const KEY = { namespace: "default", name: "web" };
const anything: Resource = pods;

interface Situation {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly spec?: PodDisruptionBudget["spec"];
  readonly status?: PodDisruptionBudget["status"];
}

/** A pod `web` on a node, and a budget for it. */
async function situation({ phase = "Running", ready = true, spec, status }: Situation) {
  const { client, clock } = await startServer();
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...KEY, labels: { app: "web" } },
    spec: { nodeName: "n1", containers: [{ name: "main", image: "local" }] },
  };
  const created = await client.create(pods, pod);
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  await client.update(
    pods,
    { ...created, status: { ...created.status, phase, conditions } },
    { subresource: "status" },
  );
  await budget(client, "b", spec, status);
  return { client, clock };
}

async function budget(
  client: Client,
  name: string,
  spec: PodDisruptionBudget["spec"],
  status: PodDisruptionBudget["status"] = {},
): Promise<void> {
  const created = await client.create(podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { namespace: "default", name },
    spec: { selector: { matchLabels: { app: "web" } }, minAvailable: 1, ...spec },
  });
  await client.update(
    podDisruptionBudgets,
    { ...created, status: { observedGeneration: 1, ...status } },
    { subresource: "status" },
  );
}

const evict = (client: Client, deleteOptions: object = {}, metadata: object = {}) => {
  const eviction: KubeObject & { deleteOptions: object } = {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { ...KEY, ...metadata },
    deleteOptions,
  };
  return client.create(anything, eviction, { subresource: "eviction" });
};
const find = (client: Client) => client.get(pods, KEY);
const budgetOf = (client: Client) =>
  client.get(podDisruptionBudgets, { namespace: "default", name: "b" });
const EMPTY = { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: 2 };
const ROOM = { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 };

test("takes a disruption, marks the pod and deletes it in one step", async () => {
  const { client } = await situation({ status: ROOM });
  await evict(client, { gracePeriodSeconds: 7 });
  const { metadata, status } = await find(client);
  expect(metadata.deletionGracePeriodSeconds).toBe(7);
  expect(status?.conditions).toContainEqual(
    expect.objectContaining({
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
    }),
  );
  const { status: left } = await budgetOf(client);
  expect(left).toMatchObject({
    disruptionsAllowed: 0,
    disruptedPods: { web: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }],
  });
});

test("is refused, with the cause that kubectl prints, when the budget has no room", async () => {
  const { client } = await situation({ status: EMPTY });
  const refusal = await evict(client).catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: 429,
    status: {
      reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: "DisruptionBudget",
            message: "The disruption budget b needs 2 healthy pods and has 2 currently",
          },
        ],
      },
    },
  });
  // Trying again in ten seconds would change nothing: only a stale budget says when.
  expect(refusal).not.toHaveProperty("status.details.retryAfterSeconds");
  expect((await find(client)).metadata.deletionTimestamp).toBeUndefined();
});

test("says when to try again while the controller has not seen the budget", async () => {
  const { client } = await situation({ status: { ...ROOM, observedGeneration: 0 } });
  await expect(evict(client)).rejects.toMatchObject({
    code: 429,
    status: { details: { retryAfterSeconds: 10 } },
  });
});

test("says why a budget cannot be reckoned", async () => {
  const conditions = [
    {
      type: "DisruptionAllowed",
      status: "False",
      reason: "SyncFailed",
      message: "no controller",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ];
  const { client } = await situation({ status: { ...EMPTY, conditions } });
  await expect(evict(client)).rejects.toMatchObject({
    status: {
      details: {
        causes: [{ message: expect.stringContaining("failed sync: no controller") as string }],
      },
    },
  });
});

test("two evictions at once cannot take the same disruption", async () => {
  const { client } = await situation({ status: ROOM });
  const other = { namespace: "default", name: "web-2" };
  const first = await find(client);
  const second = await client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...other, labels: { app: "web" } },
    ...(first.spec === undefined ? {} : { spec: first.spec }),
  });
  await client.update(pods, { ...second, status: first.status ?? {} }, { subresource: "status" });
  const outcomes = await Promise.allSettled([evict(client), evict(client, {}, other)]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});

test("a pod with two budgets cannot be evicted", async () => {
  const { client } = await situation({ status: ROOM });
  await budget(client, "c", {}, ROOM);
  await expect(evict(client)).rejects.toMatchObject({
    code: 500,
    message: expect.stringContaining("more than one PodDisruptionBudget") as string,
  });
});

test("a selector that is missing covers nothing, an empty one everything", async () => {
  const { client } = await situation({ spec: { selector: {} }, status: EMPTY });
  await expect(evict(client)).rejects.toMatchObject({ code: 429 });
  await client.delete(podDisruptionBudgets, { namespace: "default", name: "b" });
  await client.create(podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { namespace: "default", name: "c" },
    spec: { minAvailable: 1 },
  });
  await evict(client);
  expect((await find(client)).metadata.deletionTimestamp).toBeDefined();
});

describe("without asking the budget go", () => {
  test.each(["Pending", "Succeeded", "Failed"])("a pod that is %s", async (phase) => {
    const { client } = await situation({ phase, status: EMPTY });
    await evict(client);
    expect((await budgetOf(client)).status?.disruptedPods).toBeUndefined();
  });

  test("a pod that is being deleted already", async () => {
    const { client } = await situation({ status: EMPTY });
    await client.delete(pods, KEY);
    await evict(client, { gracePeriodSeconds: 1 });
    expect((await find(client)).metadata.deletionGracePeriodSeconds).toBe(1);
  });
});

describe("a pod that is not ready", () => {
  const notReady = { ready: false };
  test.each<[what: string, situation: Situation, isEvicted: boolean]>([
    ["stays while the budget is broken", { status: { ...EMPTY, currentHealthy: 1 } }, false],
    ["goes when enough others are healthy", { status: EMPTY }, true],
    [
      "stays when nothing is desired, which may mean that nothing is known",
      { status: { ...EMPTY, desiredHealthy: 0, currentHealthy: 0 } },
      false,
    ],
    [
      "goes where the policy says so",
      {
        spec: { unhealthyPodEvictionPolicy: "AlwaysAllow" },
        status: { ...EMPTY, currentHealthy: 0 },
      },
      true,
    ],
    [
      "stays where the policy says so",
      {
        spec: { unhealthyPodEvictionPolicy: "IfHealthyBudget" },
        status: { ...EMPTY, currentHealthy: 0 },
      },
      false,
    ],
  ])("%s", async (_what, given, isEvicted) => {
    const { client } = await situation({ ...notReady, ...given });
    const outcome = await evict(client).then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(isEvicted);
    // It takes nothing from the budget: it was not counted.
    expect((await budgetOf(client)).status?.disruptedPods).toBeUndefined();
  });
});

describe("a dry run", () => {
  test("changes neither pod nor budget", async () => {
    const { client } = await situation({ status: ROOM });
    await evict(client, { dryRun: ["All"] });
    expect((await find(client)).metadata.deletionTimestamp).toBeUndefined();
    expect((await budgetOf(client)).status).toEqual({ observedGeneration: 1, ...ROOM });
  });

  test("is refused like the real thing", async () => {
    const { client } = await situation({ status: EMPTY });
    await expect(evict(client, { dryRun: ["All"] })).rejects.toMatchObject({ code: 429 });
  });

  test.each([
    [{ dryRun: ["Some"] }],
    [{ gracePeriodSeconds: "1" }],
    [{ preconditions: { uid: 3 } }],
  ])("that is not one, or another wrong option, changes nothing: %j", async (options) => {
    const { client } = await situation({ status: ROOM });
    await expect(evict(client, options)).rejects.toThrow();
    expect((await budgetOf(client)).status?.disruptedPods).toBeUndefined();
  });
});

test.each([[{ uid: "another" }], [{ resourceVersion: "1" }]])(
  "a precondition that does not hold takes nothing from the budget: %j",
  async (preconditions) => {
    const { client } = await situation({ status: ROOM });
    await expect(evict(client, { preconditions })).rejects.toMatchObject({ code: 409 });
    expect((await budgetOf(client)).status).toEqual({ observedGeneration: 1, ...ROOM });
  },
);

test("there is no pod of that name, or another one is named in the body", async () => {
  const { client } = await situation({ status: ROOM });
  await expect(evict(client, {}, { name: "nobody" })).rejects.toMatchObject({ code: 404 });
});
