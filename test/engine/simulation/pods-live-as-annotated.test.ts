import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isConditionTrue } from "../../../src/kube/conditions.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { type SimulatedCluster, startSimulatedCluster } from "./simulation-harness.ts";

let cluster: SimulatedCluster;
beforeEach(async () => {
  cluster = await startSimulatedCluster();
  await cluster.addNode("n");
  await cluster.pass(1_000);
});
afterEach(() => cluster.stop());

const S = "simulation.gantry.dev/";
const annotated = (settings: Record<string, string>) => ({
  annotations: Object.fromEntries(Object.entries(settings).map(([key, to]) => [S + key, to])),
});
const status = async (name = "p") => (await cluster.pod(name))?.status;
const isReady = async () => isConditionTrue((await status())?.conditions, "Ready");
const restarts = async () => (await status())?.containerStatuses?.[0]?.restartCount;
const remove = (name = "p", gracePeriodSeconds?: number) =>
  cluster.client.delete(
    pods,
    { namespace: "default", name },
    gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
  );

test("a pod runs at once, with an address of its own", async () => {
  await cluster.addPod("p", "n");
  await cluster.addPod("q", "n");
  await cluster.pass(500);
  expect(await status()).toMatchObject({
    phase: "Running",
    hostIP: "10.0.0.1",
    podIP: "10.0.0.2",
    podIPs: [{ ip: "10.0.0.2" }],
    containerStatuses: [{ name: "app", ready: true, started: true, restartCount: 0 }],
  });
  expect(await isReady()).toBe(true);
  expect((await status("q"))?.podIP).toBe("10.0.0.3");
});

test("starting and becoming ready take their time", async () => {
  await cluster.addPod("p", "n", annotated({ "start-after": "2s", "ready-after": "3s" }));
  await cluster.pass(1_500);
  expect((await status())?.containerStatuses?.[0]?.state?.waiting?.reason).toBe(
    "ContainerCreating",
  );
  await cluster.pass(1_000);
  expect((await status())?.phase).toBe("Running");
  expect(await isReady()).toBe(false);
  await cluster.pass(3_000);
  expect(await isReady()).toBe(true);
});

test("probes let a pod become ready when they may begin", async () => {
  const readinessProbe = { tcpSocket: { port: 80 }, initialDelaySeconds: 5 };
  const containers = [{ name: "app", image: "app:1", readinessProbe }];
  await cluster.addPod("p", "n", { spec: { containers } });
  await cluster.pass(4_000);
  expect((await status())?.phase).toBe("Running");
  expect(await isReady()).toBe(false);
  await cluster.pass(2_000);
  expect(await isReady()).toBe(true);
});

test("a setting of the pod beats that of its node, and that of a container beats both", async () => {
  await cluster.annotate("n", { [`${S}start-after`]: "1h" });
  await cluster.addPod("late", "n");
  const containers = [
    { name: "a", image: "a" },
    { name: "b", image: "b" },
  ];
  const settings = annotated({ "start-after": "0", "start-after.b": "4s" });
  await cluster.addPod("p", "n", { ...settings, spec: { containers } });
  await cluster.pass(1_000);
  const states = (await status())?.containerStatuses?.map(({ state }) => Object.keys(state ?? {}));
  expect(states).toEqual([["running"], ["waiting"]]);
  expect((await status())?.phase).toBe("Pending");
  await cluster.pass(4_000);
  expect((await status())?.phase).toBe("Running");
  expect((await status("late"))?.phase).toBe("Pending");
});

describe("containers that end", () => {
  test.each([
    ["Never", "0", "Succeeded"],
    ["Never", "3", "Failed"],
    ["OnFailure", "0", "Succeeded"],
  ] as const)("restartPolicy %s, exit code %s: %s", async (restartPolicy, code, phase) => {
    const settings = annotated({ "run-for": "2s", "exit-code": code });
    await cluster.addPod("p", "n", { ...settings, spec: { restartPolicy } });
    await cluster.pass(1_500);
    expect((await status())?.phase).toBe("Running");
    await cluster.pass(1_000);
    expect(await status()).toMatchObject({
      phase,
      containerStatuses: [{ state: { terminated: { exitCode: Number(code) } } }],
    });
  });

  test("are restarted with growing pauses", async () => {
    await cluster.addPod("p", "n", annotated({ "run-for": "1s", "exit-code": "1" }));
    await cluster.pass(2_500);
    // The first restart is immediate, the second waits ten seconds.
    expect(await restarts()).toBe(1);
    expect((await status())?.containerStatuses?.[0]?.state?.waiting?.reason).toBe(
      "CrashLoopBackOff",
    );
    expect((await status())?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(1);
    expect(await isReady()).toBe(false);
    await cluster.pass(11_000);
    expect(await restarts()).toBe(2);
    await cluster.pass(15_000);
    expect(await restarts()).toBe(2);
    await cluster.pass(7_000);
    expect(await restarts()).toBe(3);
    expect((await status())?.phase).toBe("Running");
  });

  test("go on where they were after a restart of the engine", async () => {
    await cluster.addPod("p", "n", annotated({ "run-for": "1s", "exit-code": "1" }));
    await cluster.addPod("q", "n");
    await cluster.pass(15_000);
    const before = await restarts();
    const other = (await cluster.pod("q"))?.metadata.resourceVersion;
    expect(before).toBe(2);
    await cluster.restart();
    await cluster.pass(30_000);
    expect(await restarts()).toBeGreaterThan(2);
    // What has nothing to do is not written again.
    expect((await cluster.pod("q"))?.metadata.resourceVersion).toBe(other);
  });
});

test("containers that never start say why", async () => {
  await cluster.addPod("p", "n", annotated({ waiting: "ImagePullBackOff" }));
  await cluster.pass(60_000);
  expect(await status()).toMatchObject({
    phase: "Pending",
    containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff" } } }],
  });
});

test("init containers run one after another, before the others", async () => {
  const spec = {
    initContainers: [
      { name: "one", image: "i" },
      { name: "two", image: "i" },
    ],
    containers: [{ name: "app", image: "app:1" }],
  };
  await cluster.addPod("p", "n", {
    ...annotated({ "run-for.one": "2s", "run-for.two": "2s" }),
    spec,
  });
  const phases = async () =>
    (await status())?.initContainerStatuses?.map(({ state }) => Object.keys(state ?? {})[0]);
  await cluster.pass(1_000);
  expect(await phases()).toEqual(["running", "waiting"]);
  await cluster.pass(2_000);
  expect(await phases()).toEqual(["terminated", "running"]);
  expect((await status())?.phase).toBe("Pending");
  await cluster.pass(2_000);
  expect((await status())?.phase).toBe("Running");
  expect(await isReady()).toBe(true);
});

test("an init container that fails for good fails the pod", async () => {
  const spec = {
    restartPolicy: "Never",
    initContainers: [{ name: "one", image: "i" }],
    containers: [{ name: "app", image: "app:1" }],
  };
  await cluster.addPod("p", "n", { ...annotated({ "exit-code.one": "1" }), spec });
  await cluster.pass(1_000);
  expect((await status())?.phase).toBe("Failed");
});

test("a pod past its deadline fails", async () => {
  await cluster.addPod("p", "n", { spec: { activeDeadlineSeconds: 5 } });
  await cluster.pass(4_000);
  expect((await status())?.phase).toBe("Running");
  await cluster.pass(2_500);
  expect(await status()).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
});

describe("a deletion", () => {
  test("is over at once by default", async () => {
    await cluster.addPod("p", "n");
    await cluster.pass(500);
    await remove();
    await cluster.pass(500);
    expect(await cluster.pod("p")).toBeUndefined();
  });

  test("takes as long as the pod says, but not longer than its grace period", async () => {
    await cluster.addPod("p", "n", annotated({ "stop-after": "5s" }));
    await cluster.addPod("slow", "n", annotated({ "stop-after": "1h" }));
    await cluster.pass(500);
    await remove("p");
    await remove("slow", 10);
    await cluster.pass(4_000);
    expect(await cluster.pod("p")).toBeDefined();
    await cluster.pass(2_000);
    expect(await cluster.pod("p")).toBeUndefined();
    expect(await cluster.pod("slow")).toBeDefined();
    await cluster.pass(5_000);
    expect(await cluster.pod("slow")).toBeUndefined();
  });

  test("tells how it ended to whoever holds the pod with a finalizer", async () => {
    await cluster.addPod("p", "n", { finalizers: ["example.com/hold"] });
    await cluster.pass(500);
    await remove();
    await cluster.pass(2_000);
    const pod = await cluster.pod("p");
    expect(pod?.metadata.deletionGracePeriodSeconds).toBe(0);
    expect(pod?.status?.phase).toBe("Succeeded");
    const revision = pod?.metadata.resourceVersion;
    await cluster.pass(60_000);
    expect((await cluster.pod("p"))?.metadata.resourceVersion).toBe(revision);
  });

  test("gives the address back", async () => {
    await cluster.addNode("tiny", {}, { spec: { podCIDR: "10.9.9.0/30" } });
    await cluster.pass(1_000);
    await cluster.addPod("a", "tiny");
    await cluster.pass(500);
    expect((await status("a"))?.podIP).toBe("10.9.9.2");
    await cluster.addPod("b", "tiny");
    await cluster.pass(500);
    expect((await status("b"))?.phase).toBe("Pending");
    await remove("a");
    await cluster.pass(10_000);
    expect(await status("b")).toMatchObject({ phase: "Running", podIP: "10.9.9.2" });
  });
});

test("the output is what the pod says", async () => {
  await cluster.addPod("p", "n", annotated({ log: "hello" }));
  await cluster.pass(500);
  const pieces: Uint8Array[] = [];
  for await (const piece of cluster.client.logs({ namespace: "default", name: "p" }, {}))
    pieces.push(piece);
  expect(Buffer.concat(pieces).toString()).toBe("hello\n");
});
