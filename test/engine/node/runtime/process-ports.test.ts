import { createServer } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { HostPorts } from "../../../../src/engine/node/runtime/process/host-ports.ts";
import { ProcessFixture, sandbox } from "./process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

const port = (containerPort: number, extra = {}) => ({
  container: "web",
  containerPort,
  protocol: "TCP" as const,
  ...extra,
});

it("gives every container port a port of its own, however many pods ask at once", async () => {
  const sandboxes = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      fixture.runtime.ensureSandbox(
        sandbox({ podUid: `pod-${index}`, ports: [port(8080), port(9090)] }),
      ),
    ),
  );
  const ports = sandboxes.flatMap(({ portMap }) => [...portMap.values()]);
  expect(new Set(ports).size).toBe(40);
});

it("keeps a pod's ports over a restart of the agent, and does not give them to others", async () => {
  const ports = [port(8080), port(5353, { protocol: "UDP" })];
  const before = await fixture.runtime.ensureSandbox(sandbox({ podUid: "pod-a", ports }));
  await fixture.reopen();
  const after = await fixture.runtime.ensureSandbox(sandbox({ podUid: "pod-a", ports }));
  expect(after).toEqual(before);
});

it("honours a host port, once", async () => {
  const ports = [port(8080, { hostPort: 18_080 })];
  const made = await fixture.runtime.ensureSandbox(sandbox({ podUid: "pod-a", ports }));
  expect(made.portMap.get(8080)).toBe(18_080);
  const second = sandbox({ podUid: "pod-b", ports });
  await expect(fixture.runtime.ensureSandbox(second)).rejects.toThrow(
    /host port 18080 is taken by pod pod-a/,
  );
  await fixture.runtime.removeSandbox("pod-a");
  await expect(fixture.runtime.ensureSandbox(second)).resolves.toBeDefined();
});

it("passes over ports that another program listens on", async () => {
  const probe = new HostPorts(() => 0.5);
  const wanted = await probe.pick("a", "TCP");
  const server = createServer().listen(wanted, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    expect(await new HostPorts(() => 0.5).pick("b", "TCP")).not.toBe(wanted);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
