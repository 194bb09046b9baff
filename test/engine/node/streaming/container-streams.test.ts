/** Commands in containers and clients of containers, with the runtime alone. */
import { once } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ContainerStreams } from "../../../../src/engine/apiserver/node-connection.ts";
import { nodeStreams } from "../../../../src/engine/node/streaming/node-streams.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";
import { POD_UID, ProcessFixture, sandbox } from "../runtime/process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

async function outputOf({ stdout }: ContainerStreams): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdout) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
function textOf({ stdout }: ContainerStreams): { text: string } {
  const seen = { text: "" };
  stdout.on("data", (chunk: Buffer) => {
    seen.text += chunk.toString();
  });
  return seen;
}
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a slow client slows the command down, and gets everything", async () => {
  const { id } = await fixture.start();
  const command = ["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo >&2 written"];
  const streams = await fixture.runtime.streamExec(id, { command, stdin: false, tty: false });
  let isWritten = false;
  streams.stderr?.on("data", () => {
    isWritten = true;
  });
  await vi.waitFor(() => expect(streams.stdout.readableLength).toBeGreaterThan(0));
  // Nothing was read yet: the command cannot be through.
  expect(isWritten).toBe(false);
  expect((await outputOf(streams)).length).toBe(5_000_000);
  expect(await streams.ended).toBe(0);
});

test.each([
  ["its container", (id: string) => fixture.runtime.stopContainer(id, { graceMs: 1_000 })],
  ["the agent", () => fixture.reopen()],
])("a command ends with %s", async (what, end) => {
  const { id } = await fixture.start();
  const command = ["sh", "-c", "trap '' HUP; echo $$; while :; do sleep 0.1; done"];
  const streams = await fixture.runtime.streamExec(id, { command, stdin: false, tty: false });
  const [first] = (await once(streams.stdout, "data")) as [Buffer];
  const pid = Number(first.toString());
  expect(isAlive(pid)).toBe(true);
  await end(id);
  // It heeds no SIGHUP: SIGKILL follows, and an agent waits for it.
  if (what === "the agent") expect(isAlive(pid)).toBe(false);
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 8_000, interval: 50 });
});

test("the input of a container outlives the agent, and ends when its only client may end it", async () => {
  const { id } = await fixture.start({
    command: ["sh", "-c", "while read -r line; do echo got $line; done; echo over; exit 7"],
    stdin: true,
  });
  const first = await fixture.runtime.attach(id, { stdin: true, endsWithClient: false });
  const seen = textOf(first);
  first.stdin?.write("one\n");
  await vi.waitFor(() => expect(seen.text).toBe("got one\n"));
  first.close();
  await fixture.reopen();
  const second = await fixture.runtime.attach(id, { stdin: true, endsWithClient: true });
  const later = textOf(second);
  second.stdin?.write("two\n");
  await vi.waitFor(() => expect(later.text).toBe("got two\n"));
  second.stdin?.end();
  await second.ended;
  await vi.waitFor(() => expect(later.text).toBe("got two\nover\n"));
});

test("only the pod's own ports can be connected to, and only what runs be entered", async () => {
  const port = { container: "web", containerPort: 80, protocol: "TCP" } as const;
  await fixture.runtime.removeSandbox(POD_UID);
  const { portMap } = await fixture.runtime.ensureSandbox(sandbox({ ports: [port] }));
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-0", namespace: "default", uid: POD_UID },
    spec: { containers: [{ name: "web", image: "x" }] },
  };
  const node = nodeStreams(fixture.runtime);
  await expect(node.portForward(pod)).rejects.toMatchObject({ code: 400 });
  const exec = { command: ["true"], stdin: false, tty: false };
  await expect(node.exec(pod, "web", exec)).rejects.toMatchObject({ code: 400 });
  const script = `require("node:net").createServer((s) => s.end("hi")).listen(${portMap.get(80)}, "127.0.0.1", () => console.log("up"))`;
  const { id } = await fixture.start({ command: ["node", "-e", script], stdin: true });
  const up = await fixture.runtime.attach(id, { stdin: false, endsWithClient: false });
  await once(up.stdout, "data");
  up.close();
  const connect = await node.portForward(pod);
  const [answer] = (await once(await connect(80), "data")) as [Buffer];
  expect(answer.toString()).toBe("hi");
  await expect(connect(22)).rejects.toThrow("declares no port 22");
});
