import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isConditionTrue } from "../../../src/kube/conditions.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { Harness, isReady } from "./agent-harness.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";
import { NOT_OK, OK } from "./fake-runtime.ts";

describe("an agent that starts again", () => {
  let fake: FakeHarness;
  beforeEach(async () => {
    fake = await startFakeHarness({ keepPods: true });
  });
  afterEach(async () => {
    await fake.harness.close();
    expect(fake.harness.problems).toEqual([]);
  });

  it("takes over running containers without touching them", async () => {
    await fake.harness.createPod("web", { containers: [serving("web")] });
    const before = await fake.harness.until("web", isReady);
    await fake.harness.stopAgent();
    await fake.harness.startAgent();
    await settle(fake);
    const after = await fake.harness.client.get(pods, { namespace: "default", name: "web" });
    expect(after.status).toEqual(before.status);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    await fake.runtime.exit("web", 1);
    await fake.harness.until(
      "web",
      ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
    );
  });

  it("does not count a ready pod as unready until its probe says so", async () => {
    fake.runtime.onExec = () => OK;
    const readinessProbe = {
      exec: { command: ["ready"] },
      initialDelaySeconds: 5,
      periodSeconds: 5,
      failureThreshold: 1,
    };
    await fake.harness.createPod("web", { containers: [serving("web", { readinessProbe })] });
    await fake.harness.until("web", isRunning);
    await pass(fake, 5_000);
    const ready = await fake.harness.until("web", isReady);
    await fake.harness.stopAgent();
    fake.runtime.onExec = () => NOT_OK;
    await fake.harness.startAgent();
    await settle(fake);
    const taken = await fake.harness.client.get(pods, { namespace: "default", name: "web" });
    expect(taken.metadata.resourceVersion).toBe(ready.metadata.resourceVersion);
    await pass(fake, 5_000);
    await fake.harness.until("web", (pod) => !isReady(pod));
  });

  it("waits again for the data plane where the last one did not see the end of the wait", async () => {
    const { harness } = fake;
    const proxy = harness.board.register("proxy", () => false);
    const metadata = { labels: { app: "web" } };
    const spec = { selector: metadata.labels, ports: [{ port: 80 }], clusterIP: "None" };
    await harness.create(services, { metadata: { name: "web" }, spec });
    await harness.createPod("web", { containers: [serving("web")] }, metadata);
    const pod = await harness.until("web", isReady);
    await harness.stopAgent();
    await harness.startAgent();
    const targetRef = { kind: "Pod", name: "web", uid: pod.metadata.uid ?? "" };
    const slice = await harness.create(endpointSlices, {
      metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true }, targetRef }],
      ports: [],
    });
    await settle(fake);
    const isRouted = (each: Pod): boolean =>
      isConditionTrue(each.status?.conditions, "gantry.dev/Routed");
    expect(isRouted(await harness.client.get(pods, { namespace: "default", name: "web" }))).toBe(
      false,
    );
    proxy.applied(Number(slice.metadata.resourceVersion));
    await harness.until("web", isRouted);
    proxy.close();
  });

  it("restarts what ended meanwhile", async () => {
    await fake.harness.createPod("web", { containers: [serving("web")] });
    await fake.harness.until("web", isReady);
    await fake.harness.stopAgent();
    await fake.runtime.exit("web", 7);
    await fake.harness.startAgent();
    const { status } = await fake.harness.until(
      "web",
      (pod) => isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 7 });
  });

  it("stops pods that were deleted meanwhile", async () => {
    await fake.harness.createPod("deleted", { containers: [serving("a")] });
    await fake.harness.createPod("forced", { containers: [serving("b")] });
    await fake.harness.until("deleted", isReady);
    await fake.harness.until("forced", isReady);
    await fake.harness.stopAgent();
    await fake.harness.deletePod("deleted");
    await fake.harness.deletePod("forced", 0);
    await fake.harness.startAgent();
    await fake.harness.untilGone("deleted");
    await settle(fake);
    expect(await fake.runtime.listSandboxes()).toEqual([]);
    expect(await readdir(join(fake.harness.directory, "logs", "pods"))).toEqual([]);
  });

  it("leaves a pod that still gets requests to the next agent, which waits for their end", async () => {
    const { harness, runtime } = fake;
    let isBusy = true;
    const proxy = harness.board.register("proxy", () => isBusy);
    const metadata = { labels: { app: "web" } };
    const spec = { selector: metadata.labels, ports: [{ port: 80 }], clusterIP: "None" };
    await harness.create(services, { metadata: { name: "web" }, spec });
    await harness.createPod(
      "web",
      { containers: [serving("web", { ports: [{ containerPort: 80 }] })] },
      metadata,
    );
    const pod = await harness.until("web", isReady);
    const targetRef = { kind: "Pod", name: "web", uid: pod.metadata.uid ?? "" };
    const slice = await harness.create(endpointSlices, {
      metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [
        { addresses: ["127.0.0.1"], conditions: { ready: false, terminating: true }, targetRef },
      ],
      ports: [],
    });
    proxy.applied(Number(slice.metadata.resourceVersion));
    await harness.deletePod("web");
    await settle(fake);
    await harness.stopAgent();
    await settle(fake);
    await harness.startAgent();
    await settle(fake);
    expect(runtime.journal).toEqual(["start web 0"]);
    isBusy = false;
    harness.board.requestEnded("127.0.0.1", 0);
    await harness.untilGone("web");
    expect(runtime.journal).toContain("SIGTERM web");
    proxy.close();
  });

  it("leaves finished pods as they are", async () => {
    await fake.harness.createPod("job", { restartPolicy: "Never", containers: [serving("main")] });
    await fake.harness.until("job", isRunning);
    await fake.runtime.exit("main", 3);
    const before = await fake.harness.until("job", ({ status }) => status?.phase === "Failed");
    await fake.harness.stopAgent();
    await fake.harness.startAgent();
    await settle(fake);
    const after = await fake.harness.client.get(pods, { namespace: "default", name: "job" });
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it("goes on counting restarts when the machine has forgotten the pod", async () => {
    await fake.harness.createPod("web", { containers: [serving("web")] });
    const pod = await fake.harness.until("web", isReady);
    await fake.harness.stopAgent();
    await fake.runtime.removeSandbox(pod.metadata.uid ?? "");
    await fake.harness.startAgent();
    await fake.harness.until(
      "web",
      ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
    );
  });
});

describe("an agent that stops", () => {
  it("stops its pods, says so, and starts them again when it comes back", async () => {
    const fake = await startFakeHarness();
    try {
      await fake.harness.createPod("web", { containers: [serving("web")] });
      await fake.harness.until("web", isReady);
      await fake.harness.stopAgent();
      expect(fake.runtime.journal.slice(1)).toEqual(["SIGTERM web", "exit web 143"]);
      const stopped = await fake.harness.client.get(pods, { namespace: "default", name: "web" });
      expect(isReady(stopped)).toBe(false);
      await fake.harness.startAgent();
      await fake.harness.until("web", isReady);
    } finally {
      await fake.harness.close();
    }
  });
});

describe("real processes", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ keepPods: true });
  });
  afterEach(async () => {
    await harness.close();
    expect(harness.problems).toEqual([]);
  });
  const program =
    "require('http').createServer((q, r) => r.end(String(process.pid))).listen(process.env.PORT)";
  const web = {
    containers: [
      {
        name: "web",
        image: "x",
        command: ["node", "-e", program],
        ports: [{ containerPort: 80 }],
        readinessProbe: { httpGet: { port: 80 } },
      },
    ],
  };
  const ask = async (): Promise<string> => {
    const pod = await harness.client.get(pods, { namespace: "default", name: "web" });
    const ports = JSON.parse(pod.metadata.annotations?.["gantry.dev/host-ports"] ?? "{}") as Record<
      string,
      number
    >;
    return (await fetch(`http://127.0.0.1:${ports[80]}/`)).text();
  };

  it("serve on while the agent is away, and are stopped by the next one that should", async () => {
    await harness.createPod("web", web);
    await harness.until("web", isReady);
    const pid = await ask();
    await harness.stopAgent();
    expect(await ask()).toBe(pid);
    await harness.startAgent({ keepPods: false });
    expect(await ask()).toBe(pid);
    await harness.stopAgent();
    expect(() => process.kill(Number(pid), 0)).toThrow();
  });
});
