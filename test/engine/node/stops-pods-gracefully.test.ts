import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCondition } from "../../../src/kube/conditions.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";
import { NOT_OK, OK } from "./fake-runtime.ts";

let fake: FakeHarness;
beforeEach(async () => {
  fake = await startFakeHarness();
});
afterEach(async () => {
  await fake.harness.close();
  expect(fake.harness.problems).toEqual([]);
});

const start = async (container: ReturnType<typeof serving>, spec: Partial<Pod["spec"]> = {}) => {
  await fake.harness.createPod("web", { ...spec, containers: [container] });
  await fake.harness.until("web", isRunning);
};
const stubborn = (extra = {}) => serving("web", { command: ["stubborn"], ...extra });
const preStop = { preStop: { exec: { command: ["drain"] } } };

it("sends SIGTERM, and SIGKILL when the grace period is over", async () => {
  await start(stubborn());
  await fake.harness.deletePod("web", 20);
  await pass(fake, 19_999);
  expect(fake.runtime.journal).toEqual(["start web 0", "SIGTERM web"]);
  await pass(fake, 1);
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal.at(-1)).toBe("exit web 137");
});

it("tells how the containers ended before the object goes", async () => {
  await start(serving("web"));
  const seen: Pod[] = [];
  const abort = new AbortController();
  const { resourceVersion } = await fake.harness.client.list(pods);
  const watching = (async () => {
    const options = { namespace: "default", resourceVersion, signal: abort.signal };
    for await (const event of fake.harness.client.watch(pods, options)) {
      if (event.type !== "BOOKMARK") seen.push(event.object);
      if (event.type === "DELETED") return;
    }
  })();
  await fake.harness.deletePod("web");
  await watching;
  abort.abort();
  const last = seen.at(-1);
  expect(last?.status?.phase).toBe("Failed");
  expect(last?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 143 });
  expect(findCondition(last?.status?.conditions, "Ready")?.status).toBe("False");
});

it("runs preStop first, inside the grace period", async () => {
  fake.runtime.onExec = () => new Promise((resolve) => fake.clock.after(15_000, () => resolve(OK)));
  await start(stubborn({ lifecycle: preStop }));
  await fake.harness.deletePod("web", 20);
  await pass(fake, 14_999);
  expect(fake.runtime.journal).toEqual(["start web 0", "exec web drain"]);
  await pass(fake, 1);
  expect(fake.runtime.journal.at(-1)).toBe("SIGTERM web");
  await pass(fake, 4_999);
  expect(fake.runtime.isRunning("web")).toBe(true);
  await pass(fake, 1);
  await fake.harness.untilGone("web");
});

it("leaves two seconds for SIGTERM when preStop takes all of the grace period", async () => {
  fake.runtime.onExec = () => new Promise((resolve) => fake.clock.after(60_000, () => resolve(OK)));
  await start(stubborn({ lifecycle: preStop }));
  await fake.harness.deletePod("web", 10);
  await pass(fake, 10_000);
  expect(fake.runtime.journal.at(-1)).toBe("SIGTERM web");
  await pass(fake, 1_999);
  expect(fake.runtime.isRunning("web")).toBe(true);
  await pass(fake, 1);
  await fake.harness.untilGone("web");
});

it("goes on when preStop fails, with an event", async () => {
  fake.runtime.onExec = () => NOT_OK;
  await start(serving("web", { lifecycle: preStop }));
  await fake.harness.deletePod("web");
  await fake.harness.untilGone("web");
  expect((await fake.harness.untilEvent("web", "FailedPreStopHook")).message).toContain("not well");
});

it("sleeps as preStop, when told to", async () => {
  await start(serving("web", { lifecycle: { preStop: { sleep: { seconds: 5 } } } }));
  await fake.harness.deletePod("web");
  await pass(fake, 4_999);
  expect(fake.runtime.journal).toEqual(["start web 0"]);
  await pass(fake, 1);
  await fake.harness.untilGone("web");
});

it("hurries when it is deleted again with a shorter grace period", async () => {
  await start(stubborn());
  await fake.harness.deletePod("web", 300);
  await pass(fake, 1_000);
  await fake.harness.deletePod("web", 5);
  await pass(fake, 5_000);
  await fake.harness.untilGone("web");
});

it("stops a pod that was deleted by force within a second", async () => {
  await start(stubborn());
  await fake.harness.deletePod("web", 0);
  await fake.harness.untilGone("web");
  await pass(fake, 999);
  expect(fake.runtime.isRunning("web")).toBe(true);
  await pass(fake, 1);
  expect(await fake.runtime.listSandboxes()).toEqual([]);
});

it("lets a deleted pod that never started go at once", async () => {
  await fake.harness.createPod("web", {
    containers: [serving("web")],
    volumes: [{ name: "v", configMap: { name: "missing" } }],
  });
  await fake.harness.untilEvent("web", "FailedMount");
  await fake.harness.deletePod("web");
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal).toEqual([]);
});

it("does not restart what ends while the pod is being deleted", async () => {
  await fake.harness.createPod("web", { containers: [stubborn(), serving("other")] });
  await fake.harness.until("web", isRunning);
  await fake.harness.deletePod("web", 30);
  await pass(fake, 1_000);
  await fake.runtime.exit("web", 1);
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal.filter((entry) => entry.startsWith("start"))).toHaveLength(2);
});

describe("activeDeadlineSeconds", () => {
  it("ends a pod that has been active too long", async () => {
    await start(serving("web"), { activeDeadlineSeconds: 60 });
    await pass(fake, 59_000);
    expect(fake.runtime.isRunning("web")).toBe(true);
    await pass(fake, 1_000);
    const { status } = await fake.harness.until("web", (pod) => pod.status?.phase === "Failed");
    expect(status).toMatchObject({
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    });
    await settle(fake);
    expect(fake.runtime.journal).toEqual(["start web 0", "SIGTERM web", "exit web 143"]);
  });
});

it("runs the preStop hooks of sidecars from the beginning, and ends them last first", async () => {
  fake.runtime.onExec = () => OK;
  const sidecar = (name: string) => serving(name, { restartPolicy: "Always", lifecycle: preStop });
  await fake.harness.createPod("web", {
    initContainers: [sidecar("first"), sidecar("second")],
    containers: [stubborn()],
  });
  await fake.harness.until("web", isRunning);
  await fake.harness.deletePod("web", 20);
  await pass(fake, 1_000);
  expect(fake.runtime.journal.slice(3).toSorted()).toEqual([
    "SIGTERM web",
    "exec first drain",
    "exec second drain",
  ]);
  await fake.runtime.exit("web", 0);
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal.slice(6)).toEqual([
    "exit web 0",
    "SIGTERM second",
    "exit second 143",
    "SIGTERM first",
    "exit first 143",
  ]);
});

it("a sidecar waits for its turn no longer than the grace period lasts", async () => {
  await fake.harness.createPod("web", {
    initContainers: [serving("proxy", { restartPolicy: "Always" })],
    containers: [stubborn()],
  });
  await fake.harness.until("web", isRunning);
  await fake.harness.deletePod("web", 5);
  await pass(fake, 4_000);
  expect(fake.runtime.journal).not.toContain("SIGTERM proxy");
  await pass(fake, 1_000);
  await fake.harness.untilGone("web");
  expect(fake.runtime.journal).toContain("exit proxy 143");
});
