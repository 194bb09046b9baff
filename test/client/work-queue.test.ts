import { expect, test } from "vitest";
import { WorkQueue, WorkQueueFullError } from "../../src/client/work-queue.ts";
import { ManualClock } from "../manual-clock.ts";

test("a key added many times is taken once, in order of first arrival", async () => {
  const queue = new WorkQueue();
  for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
  expect(queue.length).toBe(3);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(["a", "b", "c"]);
});

test("a key added while being processed comes back once, after done", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.take();
  queue.add("a");
  queue.add("a");
  const next = queue.take();
  let taken = false;
  void next.then(() => {
    taken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toBe(false);
  queue.done("a");
  expect(await next).toBe("a");
  queue.done("a");
  expect(queue.length).toBe(0);
});

test("back-off doubles per key up to the maximum and forget resets it", async () => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  const delays = Array.from({ length: 20 }, () => queue.addAfterFailure("a"));
  expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(delays.at(-1)).toBe(1_000_000);
  expect(queue.addAfterFailure("b")).toBe(5);
  queue.forget("a");
  expect(queue.failures("a")).toBe(0);
  expect(queue.addAfterFailure("a")).toBe(5);
  await clock.advance(5);
  expect(queue.length).toBe(2);
});

test("of several delays the earliest counts", async () => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 10);
  queue.addAfter("a", 500);
  await clock.advance(10);
  expect(queue.length).toBe(1);
  expect(queue.delayed).toBe(0);
  expect(clock.pending).toBe(0);
});

test("a full queue refuses loudly instead of forgetting a key", () => {
  const queue = new WorkQueue({ maxKeys: 2, clock: new ManualClock() });
  queue.add("a");
  queue.addAfter("b", 5);
  expect(() => queue.add("c")).toThrow(WorkQueueFullError);
  expect(() => queue.addAfter("c", 5)).toThrow(WorkQueueFullError);
  queue.add("a");
});

test("closing releases idle workers and leaves no timer", async () => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  const taken = queue.take();
  queue.addAfter("a", 100);
  queue.close();
  queue.add("b");
  expect(await taken).toBeUndefined();
  expect(await queue.take()).toBeUndefined();
  expect(clock.pending).toBe(0);
});
