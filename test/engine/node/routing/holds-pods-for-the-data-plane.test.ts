import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RoutingConsumer } from "../../../../src/engine/network/routing-board.ts";
import { findCondition } from "../../../../src/kube/conditions.ts";
import { type EndpointSlice, endpointSlices } from "../../../../src/kube/kinds/endpointslice.ts";
import { type Pod, pods } from "../../../../src/kube/kinds/pod.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import { isReady } from "../agent-harness.ts";
import { type FakeHarness, pass, serving, settle, startFakeHarness } from "../fake-harness.ts";

let fake: FakeHarness;
let proxy: RoutingConsumer;
let inFlight: Set<string>;
beforeEach(async () => {
  fake = await startFakeHarness();
  inFlight = new Set();
  proxy = fake.harness.board.register("proxy", (address, port) =>
    inFlight.has(`${address}:${port}`),
  );
});
afterEach(async () => {
  proxy.close();
  await fake.harness.close();
});

const selected = { labels: { app: "web" } };
const addService = () =>
  fake.harness.create(services, {
    metadata: { name: "web" },
    spec: { selector: selected.labels, ports: [{ port: 80 }], clusterIP: "None" },
  });
const conditions = (kind: "ready" | "unready" | "terminating") => ({
  ready: kind === "ready",
  serving: kind !== "unready",
  terminating: kind === "terminating",
});
/** Writes the slice as the EndpointSlice controller would; its revision. */
async function publish(pod: Pod, kind: Parameters<typeof conditions>[0]): Promise<number> {
  const key = { namespace: "default", name: "web-1" };
  const targetRef = { kind: "Pod", name: pod.metadata.name, uid: pod.metadata.uid ?? "" };
  const slice: Omit<EndpointSlice, "apiVersion" | "kind"> = {
    metadata: { name: key.name, labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"], conditions: conditions(kind), targetRef }],
    ports: [],
  };
  const { items } = await fake.harness.client.list(endpointSlices);
  const written =
    items.length === 0
      ? await fake.harness.create(endpointSlices, slice)
      : await fake.harness.client.patch(endpointSlices, key, {
          type: "merge",
          body: { endpoints: JSON.parse(JSON.stringify(slice.endpoints)) as [] },
        });
  return Number(written.metadata.resourceVersion);
}
const routed = (pod: Pod): string | undefined =>
  findCondition(pod.status?.conditions, "gantry.dev/Routed")?.status;
const web = { containers: [serving("web", { ports: [{ containerPort: 80 }] })] };

/** A pod that serves: ready, listed and routed to. */
async function servingPod(): Promise<Pod> {
  await addService();
  await fake.harness.createPod("web", web, selected);
  const pod = await fake.harness.until("web", isReady);
  proxy.applied(await publish(pod, "ready"));
  return fake.harness.until("web", (each) => routed(each) === "True");
}

describe("a pod that becomes ready", () => {
  it("is routed to only once every proxy has applied the slice that lists it", async () => {
    await addService();
    await fake.harness.createPod("web", web, selected);
    const ready = await fake.harness.until("web", isReady);
    expect(routed(ready)).toBe("False");
    const revision = await publish(ready, "ready");
    await settle(fake);
    const listed = await fake.harness.client.get(pods, { namespace: "default", name: "web" });
    expect(routed(listed)).toBe("False");
    proxy.applied(revision);
    await fake.harness.until("web", (pod) => routed(pod) === "True");
  });

  it("has nothing to wait for when no Service selects it", async () => {
    await addService();
    await fake.harness.createPod("web", web, { labels: { app: "other" } });
    expect(routed(await fake.harness.until("web", isReady))).toBeUndefined();
  });

  it("counts as routed after half a minute, whatever the proxies do", async () => {
    await addService();
    await fake.harness.createPod("web", web, selected);
    await fake.harness.until("web", isReady);
    await pass(fake, 30_000);
    await fake.harness.until("web", (pod) => routed(pod) === "True");
    expect(fake.harness.problems).toEqual([
      expect.stringContaining("no word from the service proxies"),
    ]);
  });
});

describe("a pod that is deleted", () => {
  it("is not signalled before every proxy has stopped using it", async () => {
    const pod = await servingPod();
    await fake.harness.deletePod("web", 30);
    await settle(fake);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    const revision = await publish(pod, "terminating");
    await settle(fake);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    proxy.applied(revision);
    await fake.harness.untilGone("web");
    expect(fake.runtime.journal).toContain("SIGTERM web");
  });

  it("is not signalled while a request is in flight", async () => {
    const pod = await servingPod();
    const ports = JSON.parse(pod.metadata.annotations?.["gantry.dev/host-ports"] ?? "{}") as Record<
      string,
      number
    >;
    inFlight.add(`127.0.0.1:${ports[80]}`);
    await fake.harness.deletePod("web", 30);
    proxy.applied(await publish(pod, "terminating"));
    await settle(fake);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    inFlight.clear();
    fake.harness.board.requestEnded("127.0.0.1", ports[80] ?? 0);
    await fake.harness.untilGone("web");
  });

  it("waits at most until two seconds before the end of its grace period", async () => {
    const pod = await servingPod();
    await publish(pod, "terminating");
    await fake.harness.deletePod("web", 30);
    await pass(fake, 27_999);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    await pass(fake, 1);
    expect(fake.runtime.journal).toContain("SIGTERM web");
    await fake.harness.untilGone("web");
  });

  it("does not wait at all when no Service selects it", async () => {
    await fake.harness.createPod("web", web, selected);
    await fake.harness.until("web", isReady);
    await fake.harness.deletePod("web", 30);
    await fake.harness.untilGone("web");
  });

  it("does not wait for a slice when it never was ready", async () => {
    await addService();
    const readinessProbe = { exec: { command: ["never"] } };
    fake.runtime.onExec = () => ({ exitCode: 1, output: Buffer.alloc(0) });
    await fake.harness.createPod(
      "web",
      { containers: [serving("web", { readinessProbe })] },
      selected,
    );
    await fake.harness.until("web", ({ status }) => status?.phase === "Running");
    await fake.harness.deletePod("web", 30);
    await fake.harness.untilGone("web");
  });

  it("waits for proxies to hear of a slice that was deleted instead of changed", async () => {
    await servingPod();
    await fake.harness.client.delete(endpointSlices, { namespace: "default", name: "web-1" });
    await fake.harness.deletePod("web", 30);
    // It might still be listed: that is given a moment.
    await pass(fake, 500);
    expect(fake.runtime.journal).toEqual(["start web 0"]);
    const { resourceVersion } = await fake.harness.client.list(pods);
    proxy.applied(Number(resourceVersion));
    await fake.harness.untilGone("web");
  });

  it("hurries when it is told to", async () => {
    await servingPod();
    await fake.harness.deletePod("web", 30);
    await settle(fake);
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
  });
});
