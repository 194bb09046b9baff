import { expect, test } from "vitest";
import { createEventRecorder } from "../../src/client/event-recorder.ts";
import type { Event } from "../../src/kube/kinds/event.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { StatusError } from "../../src/kube/status-error.ts";
import { ManualClock } from "../manual-clock.ts";
import { ObjectTable } from "./object-table.ts";

const pod = (name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "a", name, uid: `uid-${name}`, resourceVersion: "7" },
});

function setUp() {
  const client = new ObjectTable();
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const recorder = createEventRecorder({ client, component: "kubelet", host: "node-1", clock });
  return { client, clock, recorder, written: () => [...client.objects.values()] as Event[] };
}

test("an event names its object, source and time", async () => {
  const { recorder, written } = setUp();
  recorder.record(pod("web"), "Normal", "Started", "Started container app");
  await recorder.flush();
  expect(written()).toMatchObject([
    {
      metadata: { namespace: "a" },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        namespace: "a",
        name: "web",
        uid: "uid-web",
      },
      type: "Normal",
      reason: "Started",
      message: "Started container app",
      count: 1,
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:00:00Z",
      source: { component: "kubelet", host: "node-1" },
    },
  ]);
});

test("an event about a cluster-scoped object lands in the default namespace", async () => {
  const { recorder, written } = setUp();
  recorder.record(
    { apiVersion: "v1", kind: "Node", metadata: { name: "n" } },
    "Normal",
    "Up",
    "up",
  );
  await recorder.flush();
  expect(written()[0]?.metadata.namespace).toBe("default");
  expect(written()[0]?.involvedObject.namespace).toBeUndefined();
});

test("the same event again counts up, in one burst and later", async () => {
  const { recorder, clock, written } = setUp();
  for (let i = 0; i < 3; i++) recorder.record(pod("web"), "Warning", "BackOff", "restarting");
  await recorder.flush();
  expect(written()).toMatchObject([{ count: 3 }]);
  await clock.advance(5_000);
  recorder.record(pod("web"), "Warning", "BackOff", "restarting");
  await recorder.flush();
  expect(written()).toMatchObject([{ count: 4, lastTimestamp: "2026-01-01T00:00:05Z" }]);
});

test("many different messages of one reason are combined", async () => {
  const { recorder, written } = setUp();
  for (let i = 0; i < 20; i++) {
    recorder.record(pod("web"), "Warning", "FailedCreate", `attempt ${i} failed`);
    await recorder.flush();
  }
  const combined = written().filter((event) => event.message?.startsWith("(combined from"));
  expect(written()).toHaveLength(10);
  expect(combined).toMatchObject([
    { count: 11, message: "(combined from similar events): attempt 19 failed" },
  ]);
});

test("one object cannot flood: 25 at once, then one per five minutes", async () => {
  const { recorder, clock, client } = setUp();
  for (let i = 0; i < 40; i++) {
    recorder.record(pod("web"), "Normal", `Reason${i}`, "x");
    recorder.record(pod("other"), "Normal", "Same", "x");
  }
  await recorder.flush();
  expect(client.objects.size).toBe(26);
  await clock.advance(300_000);
  recorder.record(pod("web"), "Normal", "Late", "x");
  recorder.record(pod("web"), "Normal", "Later", "x");
  await recorder.flush();
  expect(client.objects.size).toBe(27);
});

test("a recreated Event starts a new object", async () => {
  const { recorder, client, written } = setUp();
  recorder.record(pod("web"), "Normal", "A", "x");
  await recorder.flush();
  client.objects.clear();
  recorder.record(pod("web"), "Normal", "A", "x");
  await recorder.flush();
  expect(written()).toMatchObject([{ count: 1 }]);
});

test("a refused event is dropped, a failing server is asked again, and no caller ever hears", async () => {
  const { recorder, client, clock } = setUp();
  client.failure = StatusError.of("Forbidden", "namespace is being terminated");
  recorder.record(pod("web"), "Normal", "A", "x");
  await recorder.flush();
  expect(recorder.dropped).toBe(1);
  client.failure = new Error("down");
  recorder.record(pod("web"), "Normal", "B", "x");
  await clock.advance(100);
  client.failure = undefined;
  await clock.advance(1_000);
  await recorder.flush();
  expect(client.objects.size).toBe(1);
});
