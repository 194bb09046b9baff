import { expect, test } from "vitest";
import { IdleTimer } from "../../../../src/engine/apiserver/streaming/idle-timer.ts";
import { ManualClock } from "../../../manual-clock.ts";

test("what passes puts the end off; silence brings it once", async () => {
  const clock = new ManualClock();
  let ends = 0;
  const timer = new IdleTimer(clock, 1_000, () => ends++);
  await clock.advance(900);
  timer.touch();
  await clock.advance(900);
  expect(ends).toBe(0);
  await clock.advance(100);
  expect(ends).toBe(1);
  await clock.advance(10_000);
  expect(ends).toBe(1);
});
