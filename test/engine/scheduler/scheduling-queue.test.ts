import { expect, it } from "vitest";
import { SchedulingQueue } from "../../../src/engine/scheduler/queue/scheduling-queue.ts";
import { ManualClock } from "../../manual-clock.ts";
import { pod } from "./cluster-fixtures.ts";

const queueOf = (clock = new ManualClock()): SchedulingQueue =>
  new SchedulingQueue({ clock, onReady: () => undefined, mayHelp: () => true });
const happens = (queue: SchedulingQueue): void => {
  queue.tell({ type: "volumes" });
  queue.review(1_000);
};
const takeAll = (queue: SchedulingQueue): string[] => {
  const names: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take())
    names.push(next.pod.metadata.name);
  return names;
};

it("gives out pods by priority, then in order of arrival", () => {
  const queue = queueOf();
  queue.add(pod({}, "first"));
  queue.add(pod({ priority: 10 }, "urgent"));
  queue.add(pod({}, "second"));
  queue.add(pod({ priority: 10 }, "urgent too"));
  expect(takeAll(queue)).toEqual(["urgent", "urgent too", "first", "second"]);
});

it("forgets pods that are removed while they wait", () => {
  const queue = queueOf();
  const gone = pod({}, "gone");
  queue.add(gone);
  queue.add(pod({}, "kept"));
  queue.remove(gone.metadata.uid ?? "");
  expect(takeAll(queue)).toEqual(["kept"]);
  expect(queue.length).toBe(1);
});

it("lets a pod that fits nowhere rest until something changes", async () => {
  const clock = new ManualClock();
  const queue = queueOf(clock);
  queue.add(pod());
  const queued = queue.take();
  if (queued === undefined) throw new Error("nothing to take");
  queue.rest(queued, []);
  await clock.advance(60_000);
  expect(queue.take()).toBeUndefined();
  happens(queue);
  expect(queue.take()).toBe(queued);
});

it("answers the first change at once, then backs off from 1 s to 10 s", async () => {
  const clock = new ManualClock();
  const queue = queueOf(clock);
  queue.add(pod());
  for (const delayMs of [0, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    const queued = queue.take();
    if (queued === undefined) throw new Error("nothing to take");
    queue.rest(queued, []);
    happens(queue);
    if (delayMs > 0) {
      await clock.advance(delayMs - 1);
      expect(queue.take()).toBeUndefined();
      await clock.advance(1);
    }
  }
  expect(queue.take()).toBeDefined();
});

it("never lets a pod rest longer than five minutes", async () => {
  const clock = new ManualClock();
  const queue = queueOf(clock);
  queue.add(pod());
  const queued = queue.take();
  if (queued === undefined) throw new Error("nothing to take");
  queue.rest(queued, []);
  await clock.advance(300_000);
  expect(queue.take()).toBe(queued);
});

it("tells its owner when there is something to take", () => {
  let calls = 0;
  const queue = new SchedulingQueue({
    clock: new ManualClock(),
    onReady: () => calls++,
    mayHelp: () => true,
  });
  const made = pod();
  queue.add(made);
  expect(calls).toBe(1);
  queue.refresh(made);
  expect(calls).toBe(1);
});
