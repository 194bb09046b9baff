/** Preemption through the API: conditions, events, grace, nominations. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { priorityClasses } from "../../../src/kube/kinds/priorityclass.ts";
import { cpu, type Harness, isBound, isUnschedulable, startHarness } from "./scheduler-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
  for (const [name, value] of [
    ["high", 100],
    ["higher", 200],
  ] as const)
    await harness.client.create(priorityClasses, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value,
    });
  await harness.addNode("n");
});
afterEach(() => harness.stop());

const high = { ...cpu("4"), priorityClassName: "high" };
const key = (name: string) => ({ namespace: "default", name });
/** As the node agent does once all containers have ended. */
const finish = (name: string) => harness.client.delete(pods, key(name), { gracePeriodSeconds: 0 });

test("the victim is marked, told, and given its grace; the other waits for the place and gets it", async () => {
  const { client, addPod, until } = harness;
  await addPod("low", { ...cpu("4"), terminationGracePeriodSeconds: 77 });
  await until("low", isBound);
  const preemptor = await addPod("high", high);
  const leaving = await until("low", ({ metadata }) => metadata.deletionTimestamp !== undefined);
  expect(leaving.metadata.deletionGracePeriodSeconds).toBe(77);
  expect(findCondition(leaving.status?.conditions, "DisruptionTarget")).toMatchObject({
    status: "True",
    reason: "PreemptionByScheduler",
    message: "default-scheduler: preempting to accommodate a higher priority pod",
  });
  const waiting = await until("high", isUnschedulable);
  expect(waiting.status?.nominatedNodeName).toBe("n");
  expect(isBound(await client.get(pods, key("high")))).toBe(false);
  await finish("low");
  const bound = await until("high", isBound);
  expect(bound.status?.nominatedNodeName).toBeUndefined();
  expect(await harness.eventsOf("low")).toContain(
    `Preempted: Preempted by pod ${preemptor.metadata.uid ?? ""} on node n`,
  );
});

test("the place is not given to a less important pod that comes in between", async () => {
  const { addPod, until } = harness;
  await addPod("low", cpu("4"));
  await until("low", isBound);
  await addPod("high", high);
  await until("low", ({ metadata }) => metadata.deletionTimestamp !== undefined);
  await addPod("sneaky", cpu("4"));
  await until("sneaky", isUnschedulable);
  await finish("low");
  await until("high", isBound);
});

test("a more important pod takes over the place that is being made", async () => {
  const { client, addPod, until } = harness;
  await addPod("low", cpu("4"));
  await until("low", isBound);
  await addPod("high", high);
  await until("high", ({ status }) => status?.nominatedNodeName === "n");
  await addPod("higher", { ...cpu("4"), priorityClassName: "higher" });
  await until("higher", ({ status }) => status?.nominatedNodeName === "n");
  await until("high", ({ status }) => status?.nominatedNodeName === undefined);
  await finish("low");
  await until("higher", isBound);
  expect(isBound(await client.get(pods, key("high")))).toBe(false);
});

test("a scheduler that starts again goes on where room is being made", async () => {
  const { addPod, until } = harness;
  await addPod("low", cpu("4"));
  await until("low", isBound);
  await addPod("high", high);
  await until("high", ({ status }) => status?.nominatedNodeName === "n");
  await harness.restart();
  await addPod("sneaky", cpu("4"));
  await until("sneaky", isUnschedulable);
  await finish("low");
  await until("high", isBound);
});

test("one pod never makes two leave where one is enough", async () => {
  const { client, addPod, until } = harness;
  await addPod("a", cpu("2"));
  await addPod("b", cpu("2"));
  await until("a", isBound);
  await until("b", isBound);
  await addPod("high", { ...cpu("2"), priorityClassName: "high" });
  await until("high", ({ status }) => status?.nominatedNodeName === "n");
  const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
  await Promise.race([until("a", isLeaving), until("b", isLeaving)]);
  const { items } = await client.list(pods);
  const leaving = items.filter(isLeaving);
  expect(leaving).toHaveLength(1);
  await finish(leaving[0]?.metadata.name ?? "");
  await until("high", isBound);
});
