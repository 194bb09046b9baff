import { expect, test } from "vitest";
import { slowStart } from "../../../../src/engine/controllers/replicaset/slow-start.ts";

test("batches double while all goes well", async () => {
  let running = 0;
  const batches: number[] = [];
  const outcome = await slowStart(20, async () => {
    running++;
    await new Promise((resolve) => setImmediate(resolve));
    if (running > 0) batches.push(running);
    running = 0;
  });
  expect(batches).toEqual([1, 2, 4, 8, 5]);
  expect(outcome).toEqual({ succeeded: 20, error: undefined });
});

test("the first failing batch is the last", async () => {
  let calls = 0;
  const quota = new Error("exceeded quota");
  const outcome = await slowStart(500, () => {
    calls++;
    return calls > 5 ? Promise.reject(quota) : Promise.resolve();
  });
  expect(outcome).toEqual({ succeeded: 5, error: quota });
  expect(calls).toBe(7);
});

test("nothing to do is nothing done", async () => {
  expect(await slowStart(0, () => Promise.reject(new Error("called")))).toEqual({
    succeeded: 0,
    error: undefined,
  });
});
