import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RuntimeError } from "../../../src/engine/node/runtime/runtime.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
  waitingReason,
} from "./fake-harness.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const starts = (): number =>
  fake.runtime.journal.filter((entry) => entry.startsWith("start")).length;
const restartCount =
  (count: number) => (pod: { status?: { containerStatuses?: { restartCount: number }[] } }) =>
    pod.status?.containerStatuses?.[0]?.restartCount === count;

it("restarts at once, then after 10 s, 20 s, 40 s … and never more than 300 s", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await fake.runtime.exit("web", 1);
  await fake.harness.until("web", (pod) => restartCount(1)(pod) && isRunning(pod));
  for (const [index, seconds] of [10, 20, 40, 80, 160, 300, 300].entries()) {
    await fake.runtime.exit("web", 1);
    const waiting = await fake.harness.until(
      "web",
      (pod) => waitingReason(pod) === "CrashLoopBackOff",
    );
    expect(waiting.status?.phase).toBe("Running");
    expect(waiting.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 1,
      reason: "Error",
    });
    await pass(fake, seconds * 1000 - 1, 100_000);
    expect(starts()).toBe(index + 2);
    await fake.clock.advance(1);
    await fake.harness.until("web", restartCount(index + 2));
  }
  const event = await fake.harness.untilEvent("web", "BackOff");
  expect(event.message).toMatch(/^Back-off restarting failed container web in pod web_default\(/);
});

it("forgets the back-off after ten minutes without a restart", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await fake.runtime.exit("web", 1);
  await fake.harness.until("web", restartCount(1));
  await pass(fake, 600_001, 200_000);
  await fake.runtime.exit("web", 1);
  await fake.harness.until("web", (pod) => restartCount(2)(pod) && isRunning(pod));
  expect(starts()).toBe(3);
});

describe("restart policy", () => {
  const run = async (restartPolicy: string, exitCode: number) => {
    await fake.harness.createPod("job", { restartPolicy, containers: [serving("main")] });
    await fake.harness.until("job", isRunning);
    await fake.runtime.exit("main", exitCode);
  };

  it("Never ends the pod with its containers", async () => {
    await run("Never", 0);
    await fake.harness.until("job", ({ status }) => status?.phase === "Succeeded");
  });
  it("Never makes a failure final", async () => {
    await run("Never", 4);
    const { status } = await fake.harness.until("job", (pod) => pod.status?.phase === "Failed");
    expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 4 });
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "False", reason: "PodFailed" }),
    );
  });
  it("OnFailure restarts failures only", async () => {
    await run("OnFailure", 1);
    await fake.harness.until("job", (pod) => restartCount(1)(pod) && isRunning(pod));
    await fake.runtime.exit("main", 0);
    const { status } = await fake.harness.until("job", (pod) => pod.status?.phase === "Succeeded");
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "False", reason: "PodCompleted" }),
    );
  });
  it("Always restarts successes, too", async () => {
    await run("Always", 0);
    await fake.harness.until("job", (pod) => restartCount(1)(pod) && isRunning(pod));
  });
  it("waits for all containers before the pod is over", async () => {
    const containers = [serving("a"), serving("b")];
    await fake.harness.createPod("job", { restartPolicy: "Never", containers });
    await fake.harness.until("job", isRunning);
    await fake.runtime.exit("a", 0);
    await settle(fake);
    expect(fake.runtime.isRunning("b")).toBe(true);
    await fake.runtime.exit("b", 1);
    await fake.harness.until("job", ({ status }) => status?.phase === "Failed");
    expect(starts()).toBe(2);
  });
});

it("keeps the run before the current one, and no older ones", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  for (let count = 1; count <= 3; count++) {
    await fake.runtime.exit("web", count);
    await pass(fake, 300_000);
    await fake.harness.until("web", (pod) => restartCount(count)(pod) && isRunning(pod));
  }
  const runs = await fake.runtime.listContainers();
  expect(runs.map(({ attempt }) => attempt).sort((a, b) => a - b)).toEqual([2, 3]);
});

it("restarts a container whose image was changed", async () => {
  await fake.harness.createPod("web", { containers: [serving("web"), serving("other")] });
  await fake.harness.until("web", isRunning);
  const body = { spec: { containers: [{ name: "web", image: "example/web:2" }] } };
  const key = { namespace: "default", name: "web" };
  await fake.harness.client.patch(pods, key, { type: "strategic", body });
  await fake.harness.until("web", (pod) => restartCount(1)(pod) && isRunning(pod));
  expect(fake.runtime.configOf("web").image).toBe("example/web:2");
  expect(fake.runtime.journal.filter((entry) => entry.startsWith("start other"))).toHaveLength(1);
});

it("tells what it does in events", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  expect((await fake.harness.untilEvent("web", "Created")).message).toBe("Created container: web");
  const started = await fake.harness.untilEvent("web", "Started");
  expect(started).toMatchObject({
    message: "Started container web",
    type: "Normal",
    source: { component: "kubelet", host: "node-1" },
  });
  await fake.harness.deletePod("web");
  expect((await fake.harness.untilEvent("web", "Killing")).message).toBe("Stopping container web");
});

it("tells why a container could not be made, and tries again", async () => {
  fake.runtime.startProblem = new RuntimeError("CreateContainerError", 'no program "webb"');
  await fake.harness.createPod("web", { containers: [serving("web")] });
  const waiting = await fake.harness.until("web", (pod) => waitingReason(pod) !== undefined);
  expect(waiting.status?.containerStatuses?.[0]?.state?.waiting).toEqual({
    reason: "CreateContainerError",
    message: 'no program "webb"',
  });
  expect((await fake.harness.untilEvent("web", "Failed")).message).toBe('Error: no program "webb"');
  fake.runtime.startProblem = undefined;
  await pass(fake, 10_000);
  await fake.harness.until("web", isRunning);
});
