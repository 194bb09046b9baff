import { afterEach, beforeEach, expect, it } from "vitest";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { findCondition } from "../../../src/kube/conditions.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { isReady } from "./agent-harness.ts";
import { type FakeHarness, isRunning, pass, serving, startFakeHarness } from "./fake-harness.ts";
import { NOT_OK, OK } from "./fake-runtime.ts";

let fake: FakeHarness;
let health: Record<string, boolean>;
beforeEach(async () => {
  fake = await startFakeHarness();
  health = {};
  fake.runtime.onExec = ({ command }) => (health[command[0] ?? ""] === true ? OK : NOT_OK);
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const probe = (name: string, extra = {}) => ({
  exec: { command: [name] },
  periodSeconds: 10,
  failureThreshold: 3,
  ...extra,
});
const current = (): Promise<Pod> =>
  fake.harness.client.get(pods, { namespace: "default", name: "web" });
const restarted = (count: number) => (pod: Pod) =>
  isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === count;

it("is ready without a readiness probe as soon as it runs", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  const pod = await fake.harness.until("web", isReady);
  expect(pod.status?.containerStatuses?.[0]).toMatchObject({ ready: true, started: true });
});

it("becomes ready soon after the program is, not at the next period", async () => {
  const readinessProbe = probe("ready", { periodSeconds: 60 });
  await fake.harness.createPod("web", { containers: [serving("web", { readinessProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 5_000, 500);
  expect(isReady(await current())).toBe(false);
  health["ready"] = true;
  await pass(fake, 600);
  await fake.harness.until("web", isReady);
});

it("stops being ready after failureThreshold periods, and says so", async () => {
  health["ready"] = true;
  const readinessProbe = probe("ready");
  await fake.harness.createPod("web", { containers: [serving("web", { readinessProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 1);
  await fake.harness.until("web", isReady);
  health["ready"] = false;
  await pass(fake, 29_000, 1_000);
  expect(isReady(await current())).toBe(true);
  await pass(fake, 1_000);
  const unready = await fake.harness.until("web", (pod) => !isReady(pod));
  expect(findCondition(unready.status?.conditions, "Ready")).toMatchObject({
    reason: "ContainersNotReady",
    message: "containers with unready status: [web]",
  });
  expect(fake.runtime.isRunning("web")).toBe(true);
  const event = await fake.harness.untilEvent("web", "Unhealthy");
  expect(event.message).toBe("Readiness probe failed: not well");
});

it("waits for successThreshold successes", async () => {
  health["ready"] = true;
  const readinessProbe = probe("ready", { successThreshold: 3, periodSeconds: 5 });
  await fake.harness.createPod("web", { containers: [serving("web", { readinessProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 9_000, 1_000);
  expect(isReady(await current())).toBe(false);
  await pass(fake, 2_000, 1_000);
  await fake.harness.until("web", isReady);
});

it("respects initialDelaySeconds", async () => {
  health["ready"] = true;
  const readinessProbe = probe("ready", { initialDelaySeconds: 20 });
  await fake.harness.createPod("web", { containers: [serving("web", { readinessProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 19_999);
  expect(fake.runtime.journal).not.toContain("exec web ready");
  await pass(fake, 1);
  await fake.harness.until("web", isReady);
});

it("restarts a container whose liveness probe fails failureThreshold times in a row", async () => {
  health["live"] = true;
  const livenessProbe = probe("live");
  await fake.harness.createPod("web", { containers: [serving("web", { livenessProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 30_000, 10_000);
  health["live"] = false;
  await pass(fake, 20_000, 10_000);
  health["live"] = true;
  await pass(fake, 10_000);
  health["live"] = false;
  await pass(fake, 20_000, 10_000);
  expect(fake.runtime.journal).not.toContain("SIGTERM web");
  await pass(fake, 10_000);
  await fake.harness.until("web", restarted(1));
  const event = await fake.harness.untilEvent("web", "Killing");
  expect(event.message).toBe("Container web failed liveness probe, will be restarted");
});

it("gives a program that does not heed SIGTERM the probe's own grace period", async () => {
  const livenessProbe = probe("live", { failureThreshold: 1, terminationGracePeriodSeconds: 7 });
  await fake.harness.createPod("web", {
    containers: [serving("web", { command: ["stubborn"], livenessProbe })],
  });
  await fake.harness.until("web", isRunning);
  await pass(fake, 1);
  expect(fake.runtime.journal).toContain("SIGTERM web");
  await pass(fake, 6_998);
  expect(fake.runtime.isRunning("web")).toBe(true);
  await pass(fake, 2);
  await fake.harness.until("web", restarted(1));
});

it("leaves the other probes aside until the startup probe has succeeded", async () => {
  const containers = [
    serving("web", {
      startupProbe: probe("started", { failureThreshold: 6 }),
      livenessProbe: probe("live", { failureThreshold: 1 }),
      readinessProbe: probe("ready"),
    }),
  ];
  health["ready"] = true;
  await fake.harness.createPod("web", { containers });
  await fake.harness.until("web", isRunning);
  await pass(fake, 40_000, 2_000);
  const starting = await current();
  expect(starting.status?.containerStatuses?.[0]).toMatchObject({ started: false, ready: false });
  expect(fake.runtime.journal).not.toContain("exec web live");
  health["started"] = true;
  health["live"] = true;
  await pass(fake, 10_000, 1_000);
  await fake.harness.until("web", isReady);
  expect(fake.runtime.journal).toContain("exec web live");
});

it("gives a starting program failureThreshold × periodSeconds, however often it is asked", async () => {
  const startupProbe = probe("started", { failureThreshold: 6 });
  await fake.harness.createPod("web", { containers: [serving("web", { startupProbe })] });
  await fake.harness.until("web", isRunning);
  await pass(fake, 49_000, 1_000);
  expect(fake.runtime.journal).not.toContain("SIGTERM web");
  const asked = fake.runtime.journal.filter((entry) => entry === "exec web started").length;
  expect(asked).toBeGreaterThan(10);
  await pass(fake, 10_000, 1_000);
  await fake.harness.until("web", restarted(1));
});

it("is ready only when the readiness gates are, too", async () => {
  const conditionType = "example.com/warm";
  await fake.harness.createPod("web", {
    containers: [serving("web")],
    readinessGates: [{ conditionType }],
  });
  const gated = await fake.harness.until("web", isRunning);
  expect(findCondition(gated.status?.conditions, "ContainersReady")?.status).toBe("True");
  expect(findCondition(gated.status?.conditions, "Ready")).toMatchObject({
    status: "False",
    reason: "ReadinessGatesNotReady",
  });
  await fake.harness.client.patch(
    pods,
    { namespace: "default", name: "web" },
    {
      type: "strategic",
      body: { status: { conditions: [{ type: conditionType, status: "True" }] } },
    },
    { subresource: "status" },
  );
  const ready = await fake.harness.until("web", isReady);
  expect(findCondition(ready.status?.conditions, conditionType)?.status).toBe("True");
});
