import { expect, test } from "vitest";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import { ManualClock } from "../../manual-clock.ts";

const settled = async (promise: Promise<boolean>): Promise<boolean | "pending"> => {
  const pending = new Promise<"pending">((resolve) => setImmediate(() => resolve("pending")));
  return Promise.race([promise, pending]);
};

test("a wait ends when the last live consumer has applied the revision", async () => {
  const clock = new ManualClock();
  const board = createRoutingBoard();
  const proxy = board.register("proxy", () => false);
  const ingress = board.register("ingress", () => false);
  const wait = board.waitApplied(7, { clock, timeoutMs: 1_000 });
  proxy.applied(9);
  ingress.applied(6);
  expect(await settled(wait)).toBe("pending");
  ingress.applied(7);
  expect(await settled(wait)).toBe(true);
});

test("a consumer that is gone is not waited for", async () => {
  const board = createRoutingBoard();
  const proxy = board.register("proxy", () => false);
  const wait = board.waitApplied(7, { clock: new ManualClock(), timeoutMs: 1_000 });
  proxy.close();
  expect(await settled(wait)).toBe(true);
});

test("a wait is capped", async () => {
  const clock = new ManualClock();
  const board = createRoutingBoard();
  board.register("stuck", () => true);
  const applied = board.waitApplied(1, { clock, timeoutMs: 1_000 });
  const drained = board.waitDrained(["127.0.0.1:80"], { clock, timeoutMs: 2_000 });
  await clock.advance(1_000);
  expect(await settled(applied)).toBe(false);
  expect(await settled(drained)).toBe("pending");
  await clock.advance(1_000);
  expect(await settled(drained)).toBe(false);
});

test("draining ends with the last request in flight to any of the endpoints", async () => {
  const busy = new Set(["127.0.0.1:1", "127.0.0.1:2"]);
  const board = createRoutingBoard();
  board.register("proxy", (address, port) => busy.has(`${address}:${port}`));
  const wait = board.waitDrained([...busy], { clock: new ManualClock(), timeoutMs: 1_000 });
  busy.delete("127.0.0.1:1");
  board.requestEnded("127.0.0.1", 1);
  expect(await settled(wait)).toBe("pending");
  busy.delete("127.0.0.1:2");
  board.requestEnded("127.0.0.1", 2);
  expect(await settled(wait)).toBe(true);
});

test("an abort ends the wait", async () => {
  const abort = new AbortController();
  const board = createRoutingBoard();
  board.register("proxy", () => false);
  const wait = board.waitApplied(1, {
    clock: new ManualClock(),
    timeoutMs: 1_000,
    signal: abort.signal,
  });
  abort.abort();
  expect(await settled(wait)).toBe(false);
});
