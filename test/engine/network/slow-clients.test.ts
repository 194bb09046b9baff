/** Clients that hold connections without using them (slow loris), and those that open too many. */
import { expect, test } from "vitest";
import { ConnectionBudget } from "../../../src/engine/network/connection-budget.ts";
import { ManualClock } from "../../manual-clock.ts";
import { connectTo, OK, startPort, startRawBackend, tcpRoute } from "./tcp-port-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** Real sockets deliver in real time what happens in simulated time. */
async function advanceUntil(clock: ManualClock, check: () => boolean, ms: number): Promise<void> {
  for (let passed = 0; passed < ms && !check(); passed += 1_000) {
    await clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a head that never ends occupies no endpoint, and is given up", async () => {
  const clock = new ManualClock();
  const app = await startRawBackend(() => OK);
  const { number } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const slow = connectTo(number);
  slow.write("GET / HTTP/1.1\r\nHost: ");
  await expect.poll(() => clock.pending).toBeGreaterThan(0);
  for (let second = 0; second < 20; second++) {
    await clock.advance(1_000);
    slow.write("a");
  }
  expect(slow.text()).toBe("");
  const other = connectTo(number);
  other.write(GET);
  await expect.poll(() => other.text()).toBe(OK);
  await advanceUntil(clock, () => slow.text() !== "", 20_000);
  expect(await slow.ended).toMatch(/^HTTP\/1\.1 408 /);
  expect(app.received).toEqual([GET]);
});

test("a body that stops is given up", async () => {
  const clock = new ManualClock();
  const app = await startRawBackend(() => undefined);
  const { number, inFlight } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const slow = connectTo(number);
  slow.write("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nsome");
  await expect.poll(() => app.received[0]).toMatch(/some$/);
  await advanceUntil(clock, () => slow.text() !== "", 200_000);
  expect(await slow.ended).toMatch(/^HTTP\/1\.1 408 /);
  expect(inFlight.has(app.backend.address, app.backend.port)).toBe(false);
});

test("a response that takes its time is waited for", async () => {
  const clock = new ManualClock();
  let answer = (): void => undefined;
  const app = await startRawBackend((_bytes, socket) => {
    answer = () => void socket.write(OK);
    return undefined;
  });
  const { number } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const client = connectTo(number);
  client.write(GET);
  await expect.poll(() => app.received[0]).toBe(GET);
  await clock.advance(3_600_000);
  answer();
  await expect.poll(() => client.text()).toBe(OK);
});

test("a client that does not come back is let go", async () => {
  const clock = new ManualClock();
  const app = await startRawBackend(() => OK);
  const { number } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const idle = connectTo(number);
  idle.write(GET);
  await expect.poll(() => idle.text()).toBe(OK);
  await clock.advance(299_000);
  idle.write(GET);
  await expect.poll(() => idle.text()).toBe(`${OK}${OK}`);
  await clock.advance(310_000);
  expect(await idle.ended).toBe(`${OK}${OK}`);
});

test("a client that does not read holds back its own endpoint only, and not for ever", async () => {
  const clock = new ManualClock();
  const body = "x".repeat(64 * 1024 * 1024);
  const app = await startRawBackend((bytes) =>
    bytes.includes("/big")
      ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      : OK,
  );
  const { number, inFlight } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const deaf = connectTo(number);
  deaf.socket.pause();
  deaf.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  await expect.poll(() => inFlight.has(app.backend.address, app.backend.port)).toBe(true);
  const other = connectTo(number);
  other.write(GET);
  await expect.poll(() => other.text()).toBe(OK);
  const isBusy = () => inFlight.has(app.backend.address, app.backend.port);
  await advanceUntil(clock, () => !isBusy(), 300_000);
  expect(isBusy()).toBe(false);
});

test("one Service's clients cannot use up the connections of the others", async () => {
  const budget = new ConnectionBudget(20);
  expect([budget.total, budget.perPort]).toEqual([6, 3]);
  const app = await startRawBackend(() => OK);
  const [flooded, other] = [
    await startPort(tcpRoute(false, [app.backend]), { budget }),
    await startPort(tcpRoute(true, [app.backend]), { budget }),
  ];
  const clients = Array.from({ length: 5 }, () => connectTo(flooded.number));
  const refused = await Promise.race(clients.map((client) => client.ended));
  expect(refused).toBe("");
  await expect.poll(() => flooded.full()).toBe(2);
  const welcome = connectTo(other.number);
  welcome.write(GET);
  await expect.poll(() => welcome.text()).toBe(OK);
  for (const { socket } of clients) socket.destroy();
  await expect.poll(() => budget.open).toBe(1);
  const again = connectTo(flooded.number);
  again.write(GET);
  await expect.poll(() => again.text()).toBe(OK);
});
