import { afterEach, beforeEach, expect, it } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { NOT_OK, OK } from "./fake-runtime.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const sidecar = (name: string, extra = {}) => serving(name, { restartPolicy: "Always", ...extra });
const initState =
  (index: number) =>
  (pod: { status?: { initContainerStatuses?: { state?: { running?: unknown } }[] } }) =>
    pod.status?.initContainerStatuses?.[index]?.state?.running !== undefined;

it("runs init containers one after the other, then all main containers", async () => {
  await fake.harness.createPod("web", {
    initContainers: [serving("first"), serving("second")],
    containers: [serving("a"), serving("b")],
  });
  const pending = await fake.harness.until("web", initState(0));
  expect(pending.status?.phase).toBe("Pending");
  expect(findCondition(pending.status?.conditions, "Initialized")).toMatchObject({
    status: "False",
    reason: "ContainersNotInitialized",
    message: "containers with incomplete status: [first second]",
  });
  expect(pending.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("PodInitializing");
  await fake.runtime.exit("first", 0);
  await fake.harness.until("web", initState(1));
  await fake.runtime.exit("second", 0);
  const running = await fake.harness.until("web", isRunning);
  expect(findCondition(running.status?.conditions, "Initialized")?.status).toBe("True");
  expect(fake.runtime.journal).toEqual([
    "start first 0",
    "exit first 0",
    "start second 0",
    "exit second 0",
    "start a 0",
    "start b 0",
  ]);
});

it("repeats an init container that fails, and never runs it again once the pod has started", async () => {
  await fake.harness.createPod("web", {
    initContainers: [serving("init")],
    containers: [serving("web")],
  });
  await fake.harness.until("web", initState(0));
  await fake.runtime.exit("init", 1);
  await fake.harness.until(
    "web",
    (pod) => pod.status?.initContainerStatuses?.[0]?.restartCount === 1,
  );
  await fake.runtime.exit("init", 0);
  await fake.harness.until("web", isRunning);
  await fake.runtime.exit("web", 1);
  await fake.harness.until("web", (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1);
  expect(fake.runtime.journal.filter((entry) => entry.startsWith("start init"))).toHaveLength(2);
});

it("fails the pod when an init container fails and must not be repeated", async () => {
  await fake.harness.createPod("job", {
    restartPolicy: "Never",
    initContainers: [serving("init")],
    containers: [serving("main")],
  });
  await fake.harness.until("job", initState(0));
  await fake.runtime.exit("init", 3);
  await fake.harness.until("job", ({ status }) => status?.phase === "Failed");
  expect(fake.runtime.journal).not.toContain("start main 0");
});

it("starts what follows a sidecar once the sidecar is started, by its startup probe", async () => {
  let isUp = false;
  fake.runtime.onExec = () => (isUp ? OK : NOT_OK);
  const startupProbe = { exec: { command: ["up?"] }, periodSeconds: 10, failureThreshold: 30 };
  await fake.harness.createPod("web", {
    initContainers: [sidecar("proxy", { startupProbe }), serving("migrate")],
    containers: [serving("web")],
  });
  await fake.harness.until("web", initState(0));
  await pass(fake, 5_000, 1_000);
  expect(fake.runtime.isRunning("migrate")).toBe(false);
  isUp = true;
  await pass(fake, 1_000, 250);
  await fake.harness.until("web", initState(1));
  await fake.runtime.exit("migrate", 0);
  const running = await fake.harness.until("web", isRunning);
  expect(running.status?.initContainerStatuses?.[0]).toMatchObject({ started: true, ready: true });
});

it("restarts sidecars whatever the pod's policy, and stops them when the work is done", async () => {
  await fake.harness.createPod("job", {
    restartPolicy: "Never",
    initContainers: [sidecar("one"), sidecar("two")],
    containers: [serving("main")],
  });
  await fake.harness.until("job", isRunning);
  await fake.runtime.exit("one", 1);
  await fake.harness.until(
    "job",
    (pod) => pod.status?.initContainerStatuses?.[0]?.restartCount === 1,
  );
  await fake.runtime.exit("main", 0);
  await fake.harness.until("job", ({ status }) => status?.phase === "Succeeded");
  expect(fake.runtime.journal.slice(-4)).toEqual([
    "SIGTERM two",
    "exit two 143",
    "SIGTERM one",
    "exit one 143",
  ]);
});

it("stops sidecars after main containers, last started first", async () => {
  await fake.harness.createPod("web", {
    initContainers: [sidecar("one"), sidecar("two")],
    containers: [serving("web")],
  });
  await fake.harness.until("web", isRunning);
  await fake.harness.deletePod("web");
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal.filter((entry) => entry.startsWith("SIGTERM"))).toEqual([
    "SIGTERM web",
    "SIGTERM two",
    "SIGTERM one",
  ]);
});

it("holds the next container until the postStart hook of the one before has ended", async () => {
  let finish: () => void = () => undefined;
  fake.runtime.onExec = () =>
    new Promise((resolve) => {
      finish = () => resolve(OK);
    });
  const lifecycle = { postStart: { exec: { command: ["warm-up"] } } };
  await fake.harness.createPod("web", {
    containers: [serving("a", { lifecycle }), serving("b")],
  });
  await fake.harness.until(
    "web",
    (pod) => pod.status?.containerStatuses?.[0]?.state?.running !== undefined,
  );
  await settle(fake);
  expect(fake.runtime.journal).toEqual(["start a 0", "exec a warm-up"]);
  finish();
  await fake.harness.until("web", isRunning);
  expect(fake.runtime.journal).toContain("start b 0");
});

it("restarts a container whose postStart hook fails", async () => {
  let failures = 1;
  fake.runtime.onExec = () => (failures-- > 0 ? NOT_OK : OK);
  const lifecycle = { postStart: { exec: { command: ["warm-up"] } } };
  await fake.harness.createPod("web", { containers: [serving("web", { lifecycle })] });
  await fake.harness.until(
    "web",
    (pod) => isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
  );
  expect((await fake.harness.untilEvent("web", "FailedPostStartHook")).message).toContain(
    "not well",
  );
});
