/** Whatever happens in whatever order: who waits is in the queue once, and is given out again in time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type QueuedPod,
  SchedulingQueue,
} from "../../../src/engine/scheduler/queue/scheduling-queue.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { ManualClock } from "../../manual-clock.ts";
import { pod } from "./cluster-fixtures.ts";

const step = fc.record({
  do: fc.constantFrom(
    "add",
    "add",
    "remove",
    "take",
    "rest",
    "rest",
    "retry",
    "tell",
    "review",
    "wait",
  ),
  which: fc.nat(7),
  helps: fc.boolean(),
});

test("no pod is lost, none is given out twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const clock = new ManualClock();
      let helps = false;
      const queue = new SchedulingQueue({
        clock,
        onReady: () => undefined,
        mayHelp: () => helps,
      });
      const all: Pod[] = Array.from({ length: 8 }, (_, index) =>
        pod({ priority: index % 3 }, `p${index}`),
      );
      const waiting = new Set<string>();
      const out = new Map<string, QueuedPod>();
      const take = (): boolean => {
        const taken = queue.take();
        if (taken === undefined) return false;
        expect(waiting.has(taken.uid)).toBe(true);
        expect(out.has(taken.uid)).toBe(false);
        out.set(taken.uid, taken);
        return true;
      };
      for (const { do: action, which, helps: help } of steps) {
        const target = all[which];
        const uid = target?.metadata.uid ?? "";
        const [given] = [...out.values()];
        helps = help;
        if (action === "add" && target !== undefined) {
          queue.add(target);
          waiting.add(uid);
        } else if (action === "remove") {
          queue.remove(uid);
          waiting.delete(uid);
          out.delete(uid);
        } else if (action === "take") take();
        else if (action === "rest" && given !== undefined) {
          queue.rest(given, ["X"]);
          out.delete(given.uid);
        } else if (action === "retry" && given !== undefined) {
          queue.retry(given);
          out.delete(given.uid);
        } else if (action === "tell") queue.tell({ type: "volumes" });
        else if (action === "review") queue.review(3);
        else if (action === "wait") await clock.advance(700);
        expect(queue.length).toBe(waiting.size);
      }
      await clock.advance(300_000);
      await clock.advance(10_000);
      while (take());
      expect(new Set(out.keys())).toEqual(waiting);
    }),
    { numRuns: 150 },
  );
});
