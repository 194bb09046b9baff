import { expect, test } from "vitest";
import {
  done,
  type ReconcileOutcome,
  type Result,
  requeueAfter,
  runController,
  TerminalError,
} from "../../src/client/reconciler.ts";
import { WorkQueue } from "../../src/client/work-queue.ts";
import { ManualClock } from "../manual-clock.ts";

function setUp(reconcile: (key: string, signal: AbortSignal) => Promise<Result>, workers = 2) {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock });
  const outcomes: ReconcileOutcome[] = [];
  const metrics = { reconciled: (_: string, outcome: ReconcileOutcome) => outcomes.push(outcome) };
  const controller = runController({ name: "test", queue, workers, reconcile, clock, metrics });
  return { clock, queue, controller, outcomes };
}

test("failures come back with growing delays until success", async () => {
  const attemptsMs: number[] = [];
  const { clock, queue, controller, outcomes } = setUp(() => {
    attemptsMs.push(clock.now());
    return attemptsMs.length < 4 ? Promise.reject(new Error("flaky")) : Promise.resolve(done);
  });
  queue.add("a");
  await clock.advance(10_000);
  const startMs = attemptsMs[0] ?? 0;
  expect(attemptsMs.map((ms) => ms - startMs)).toEqual([0, 5, 15, 35]);
  expect(outcomes).toEqual(["error", "error", "error", "success"]);
  expect(queue.failures("a")).toBe(0);
  await controller.stop();
});

test("requeueAfter looks again after the delay, a terminal error does not", async () => {
  const seen: string[] = [];
  const { clock, queue, controller, outcomes } = setUp((key) => {
    seen.push(key);
    if (key === "bad") return Promise.reject(new TerminalError("no use"));
    return Promise.resolve(seen.length < 4 ? requeueAfter(1_000) : done);
  });
  queue.add("bad");
  queue.add("good");
  await clock.advance(5_000);
  expect(seen).toEqual(["bad", "good", "good", "good"]);
  expect(outcomes).toEqual(["terminal", "requeue", "requeue", "success"]);
  await controller.stop();
});

test("no key is ever with two workers, and different keys run side by side", async () => {
  const running = new Set<string>();
  let most = 0;
  const { queue, controller, outcomes } = setUp(async (key) => {
    expect(running.has(key)).toBe(false);
    running.add(key);
    most = Math.max(most, running.size);
    await new Promise((resolve) => setImmediate(resolve));
    running.delete(key);
    return done;
  }, 3);
  for (let round = 0; round < 20; round++) {
    for (const key of ["a", "b", "c", "d"]) queue.add(key);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await controller.stop();
  expect(most).toBe(3);
  expect(outcomes.every((outcome) => outcome === "success")).toBe(true);
});

test("stop waits for reconciles under way and aborts the overdue", async () => {
  let aborted = false;
  const { clock, queue, controller } = setUp(
    (_, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          resolve(done);
        });
      }),
  );
  queue.add("stuck");
  await clock.advance(0);
  const stopped = controller.stop(2_000);
  await clock.advance(1_999);
  expect(aborted).toBe(false);
  await clock.advance(1);
  await stopped;
  expect(aborted).toBe(true);
  expect(clock.pending).toBe(0);
});
