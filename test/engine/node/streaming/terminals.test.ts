/** Commands and containers in terminals: `docs/workloads.md` says what they need. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ContainerStreams } from "../../../../src/engine/apiserver/node-connection.ts";
import { ProcessFixture } from "../runtime/process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

function screenOf(streams: ContainerStreams): { text: string } {
  const screen = { text: "" };
  streams.stdout.on("data", (chunk: Buffer) => {
    screen.text += chunk.toString();
  });
  return screen;
}
const shows = (screen: { text: string }, pattern: RegExp): Promise<void> =>
  vi.waitFor(() => expect(screen.text).toMatch(pattern), { timeout: 10_000, interval: 20 });

test("a command's terminal has the size of the client's, and tells of changes", async () => {
  const { id } = await fixture.start();
  const command = [
    "sh",
    "-c",
    "trap 'echo changed; stty size' WINCH; tty; echo up; while :; do sleep 0.1; done",
  ];
  const streams = await fixture.runtime.streamExec(id, { command, stdin: true, tty: true });
  const screen = screenOf(streams);
  await shows(screen, /up/);
  streams.resize({ columns: 101, rows: 33 });
  await shows(screen, /changed\r\n33 101\r\n/);
  streams.close();
  expect(await streams.ended).toBeGreaterThan(0);
});

test("a command at a terminal ends with its own code, an interrupt only what runs in it", async () => {
  const { id } = await fixture.start();
  const command = ["sh", "-i"];
  const streams = await fixture.runtime.streamExec(id, { command, stdin: true, tty: true });
  const screen = screenOf(streams);
  streams.stdin?.write("stty size; sleep 600\n");
  await shows(screen, /0 0/);
  streams.stdin?.write("\u0003");
  await shows(screen, /\^C/);
  streams.stdin?.write("exit 5\n");
  expect(await streams.ended).toBe(5);
});

test("a container's terminal takes what is typed, and its main process what is signalled", async () => {
  const { id, ...status } = await fixture.start({
    command: [
      "sh",
      "-c",
      "echo at $(tty); trap 'exit 6' TERM; read -r line; echo got $line; while :; do sleep 0.1; done",
    ],
    tty: true,
    stdin: true,
  });
  const streams = await fixture.runtime.attach(id, { stdin: true, endsWithClient: false });
  const screen = screenOf(streams);
  // From its start: nobody was there before.
  await shows(screen, /at \/dev\/pts\/\d+\r\n/);
  streams.stdin?.write("hello\n");
  await shows(screen, /got hello/);
  await fixture.runtime.stopContainer(id, { graceMs: 10_000 });
  expect(await fixture.ended({ id, ...status })).toMatchObject({ exitCode: 6 });
  await streams.ended;
});
