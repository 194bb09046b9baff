import { createSocket, Socket } from "node:dgram";
import { afterEach, expect, test, vi } from "vitest";
import type { Clock } from "../../../src/client/clock.ts";
import type { Affinity } from "../../../src/engine/network/balancer.ts";
import { ConnectionBudget } from "../../../src/engine/network/connection-budget.ts";
import type { Backend, ServiceRoute } from "../../../src/engine/network/service-routes.ts";
import { sourceRanges } from "../../../src/engine/network/source-ranges.ts";
import { UdpFlows } from "../../../src/engine/network/udp-flows.ts";
import { UdpPort } from "../../../src/engine/network/udp-port.ts";
import { ManualClock } from "../../manual-clock.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Echo {
  readonly backend: Backend;
  readonly received: string[];
  /** Answers what was held back. */
  release(): void;
  close(): void;
}

async function startEcho(name: string, hold = false): Promise<Echo> {
  const socket = createSocket("udp4");
  const received: string[] = [];
  const held: (() => void)[] = [];
  socket.on("message", (datagram, { address, port }) => {
    received.push(datagram.toString());
    const answer = (): void => socket.send(`${name}:${datagram.toString()}`, port, address);
    if (hold) held.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  let isOpen = true;
  const close = (): void => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  cleanups.push(close);
  return {
    backend: { address: "127.0.0.1", port: socket.address().port },
    received,
    release: () => {
      for (const answer of held.splice(0)) answer();
    },
    close,
  };
}

const route = (active: readonly Backend[]): ServiceRoute => {
  const both = { active, lastResort: [] };
  return {
    portName: "dns",
    protocol: "UDP",
    port: 53,
    nodePort: undefined,
    http: false,
    internal: both,
    external: both,
  };
};

async function startPort(
  active: readonly Backend[],
  options: {
    clock?: Clock;
    budget?: ConnectionBudget;
    affinity?: Affinity;
    sources?: readonly string[];
  } = {},
) {
  const port = new UdpPort(
    options.clock ?? new ManualClock(),
    options.budget ?? new ConnectionBudget(),
  );
  port.update(route(active), options.affinity);
  const number = await port.listen(
    "test",
    { host: "127.0.0.1", port: 0 },
    {
      audience: "internal",
      ...(options.sources === undefined ? {} : { sources: sourceRanges(options.sources) }),
    },
  );
  cleanups.push(() => port.close());
  return { port, number: number ?? 0 };
}

async function startClient(): Promise<{ socket: Socket; answers: string[] }> {
  const socket = createSocket("udp4");
  const answers: string[] = [];
  socket.on("message", (datagram) => answers.push(datagram.toString()));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  cleanups.push(() => socket.close());
  return { socket, answers };
}

test("a client talks to one endpoint, clients are spread over all", async () => {
  const [a, b] = [await startEcho("a"), await startEcho("b")];
  const { port, number } = await startPort([a.backend, b.backend]);
  const clients = await Promise.all([startClient(), startClient()]);
  for (const { socket, answers } of clients)
    for (const word of ["1", "2", "3"]) {
      socket.send(word, number, "127.0.0.1");
      await expect.poll(() => answers.at(-1), { interval: 2 }).toMatch(`:${word}`);
    }
  expect([a.received, b.received]).toEqual([
    ["1", "2", "3"],
    ["1", "2", "3"],
  ]);
  expect(port.flows).toBe(2);
});

test("datagrams keep their boundaries, and those that come while a flow opens are not lost", async () => {
  const a = await startEcho("a");
  const { number } = await startPort([a.backend]);
  const { socket, answers } = await startClient();
  const words = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(index + 1));
  for (const word of words) socket.send(word, number, "127.0.0.1");
  await expect.poll(() => answers.length, { interval: 2 }).toBe(10);
  expect([...a.received].sort()).toEqual([...words].sort());
});

test("when an endpoint goes its clients get another one, and still the answers that are due", async () => {
  const clock = new ManualClock();
  const [a, b] = [await startEcho("a", true), await startEcho("b")];
  const { port, number } = await startPort([a.backend], { clock });
  const { socket, answers } = await startClient();
  socket.send("1", number, "127.0.0.1");
  await expect.poll(() => a.received, { interval: 2 }).toEqual(["1"]);
  port.update(route([b.backend]), undefined);
  expect(port.flows).toBe(0);
  socket.send("2", number, "127.0.0.1");
  await expect.poll(() => answers, { interval: 2 }).toEqual(["b:2"]);
  a.release();
  await expect.poll(() => answers, { interval: 2 }).toEqual(["b:2", "a:1"]);
});

test("an endpoint that is not there does not keep a client", async () => {
  const [dead, b] = [await startEcho("dead"), await startEcho("b")];
  dead.close();
  const { number } = await startPort([dead.backend, b.backend]);
  const { socket, answers } = await startClient();
  // The first one is lost; the kernel says that nobody listens there, and the flow is dropped.
  await expect
    .poll(
      () => {
        socket.send("1", number, "127.0.0.1");
        return answers.length;
      },
      { interval: 20 },
    )
    .toBeGreaterThan(0);
  expect(new Set(answers)).toEqual(new Set(["b:1"]));
});

test("an endpoint that cannot even be sent to costs its clients' datagrams, and nothing else", async () => {
  // No socket may send there, as to an IPv6 address on a machine that has no IPv6.
  const { port, number } = await startPort([{ address: "255.255.255.255", port: 9 }]);
  const { socket, answers } = await startClient();
  const connect = vi.spyOn(Socket.prototype, "connect");
  socket.send("lost", number, "127.0.0.1");
  await expect.poll(() => connect.mock.calls.length).toBe(1);
  await expect.poll(() => port.flows).toBe(0);
  connect.mockRestore();
  const echo = await startEcho("a");
  port.update(route([echo.backend]), undefined);
  socket.send("1", number, "127.0.0.1");
  await expect.poll(() => answers).toEqual(["a:1"]);
});

test("a datagram that names no port of its sender is not answered, for that cannot be done", async () => {
  const bind = vi.spyOn(Socket.prototype, "bind");
  const echo = await startEcho("a");
  const { number } = await startPort([echo.backend]);
  const listener = bind.mock.contexts.at(-1);
  bind.mockRestore();
  if (!(listener instanceof Socket)) throw new Error("nothing was bound");
  listener.emit("message", Buffer.from("0"), { address: "127.0.0.1", port: 0, size: 1 });
  const { socket, answers } = await startClient();
  socket.send("1", number, "127.0.0.1");
  await expect.poll(() => answers).toEqual(["a:1"]);
  expect(echo.received).toEqual(["1"]);
});

test("a quiet flow ends: sooner when it was never answered", async () => {
  const clock = new ManualClock();
  const [silent, b] = [await startEcho("silent", true), await startEcho("b")];
  const { port, number } = await startPort([silent.backend, b.backend], { clock });
  const [one, two] = [await startClient(), await startClient()];
  one.socket.send("1", number, "127.0.0.1");
  await expect.poll(() => silent.received.length, { interval: 2 }).toBe(1);
  two.socket.send("2", number, "127.0.0.1");
  await expect.poll(() => two.answers, { interval: 2 }).toEqual(["b:2"]);
  await clock.advance(25_000);
  expect(port.flows).toBe(2);
  await clock.advance(20_000);
  expect(port.flows).toBe(1);
  await clock.advance(100_000);
  expect(port.flows).toBe(0);
});

test("affinity outlives the flow, up to its own time", async () => {
  const clock = new ManualClock();
  const [a, b] = [await startEcho("a"), await startEcho("b")];
  const affinity = { timeoutMs: 1_000_000 };
  const { port, number } = await startPort([a.backend, b.backend], { clock, affinity });
  const names = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const { socket, answers } = await startClient();
    socket.send("x", number, "127.0.0.1");
    await expect.poll(() => answers.length, { interval: 2 }).toBe(1);
    names.add(answers[0] ?? "");
    await clock.advance(150_000);
    expect(port.flows).toBe(0);
  }
  expect(names.size).toBe(1);
});

test("made-up clients cannot fill the table: the quietest flow makes room", async () => {
  const a = await startEcho("a");
  const loads = { opened: 0, closed: 0 };
  const flows = new UdpFlows({
    clock: new ManualClock(),
    opened: () => void loads.opened++,
    closed: () => void loads.closed++,
    maxFlows: 3,
    budget: new ConnectionBudget(),
  });
  cleanups.push(() => flows.close());
  const open = (client: string) =>
    flows.open(client, a.backend, Buffer.from(client), () => undefined);
  for (const client of ["1", "2", "3"]) open(client);
  expect(flows.forward("1", Buffer.from("again"))).toBe(true);
  open("4");
  expect(flows.size).toBe(3);
  expect(flows.forward("2", Buffer.from("gone"))).toBe(false);
  expect(flows.forward("1", Buffer.from("still"))).toBe(true);
  expect(loads).toEqual({ opened: 4, closed: 1 });
});

test("flows share what connections there are, and give them back", async () => {
  const budget = new ConnectionBudget(10);
  expect(budget.total).toBe(3);
  budget.take();
  const [a, b] = [await startEcho("a"), await startEcho("b")];
  const clock = new ManualClock();
  const { port, number } = await startPort([a.backend], { budget, clock });
  for (const word of ["1", "2", "3"]) {
    const { socket, answers } = await startClient();
    socket.send(word, number, "127.0.0.1");
    await expect.poll(() => answers, { interval: 2 }).toEqual([`a:${word}`]);
  }
  expect([port.flows, budget.open]).toEqual([2, 3]);
  port.update(route([b.backend]), undefined);
  await clock.advance(1_000);
  expect([port.flows, budget.open]).toEqual([0, 1]);
});

test("who is not in the source ranges is not heard", async () => {
  const a = await startEcho("a");
  const refused = await startPort([a.backend], { sources: ["10.0.0.0/8"] });
  const allowed = await startPort([a.backend], { sources: ["10.0.0.0/8", "127.0.0.0/8"] });
  const { socket, answers } = await startClient();
  socket.send("no", refused.number, "127.0.0.1");
  socket.send("yes", allowed.number, "127.0.0.1");
  await expect.poll(() => answers, { interval: 2 }).toEqual(["a:yes"]);
  expect(a.received).toEqual(["yes"]);
});

test("without an endpoint datagrams are dropped, an address that is taken is told, and nothing stays open", async () => {
  const { port, number } = await startPort([]);
  const { socket } = await startClient();
  socket.send("x", number, "127.0.0.1");
  await expect(
    port.listen("again", { host: "127.0.0.1", port: number }, { audience: "external" }),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(port.listening).toEqual(["test"]);
  const given = port.listen("late", { host: "127.0.0.1", port: 0 }, { audience: "internal" });
  port.unlisten("late");
  expect(await given).toBeUndefined();
  expect(port.flows).toBe(0);
});
