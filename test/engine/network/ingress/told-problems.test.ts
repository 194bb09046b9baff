import { expect, test } from "vitest";
import { ToldProblems } from "../../../../src/engine/network/ingress/told-problems.ts";
import { ManualClock } from "../../../manual-clock.ts";

const problem = (message: string) => ({ ingress: "default/web", reason: "Bad", message });
const [A, B] = [problem("a"), problem("b")];

test("what lasts is told once, what passes is not", async () => {
  const clock = new ManualClock();
  const told = new ToldProblems(clock, 3_000);
  expect(told.update([A])).toEqual({ tell: [], lookAgainMs: 3_000 });
  await clock.advance(1_000);
  expect(told.update([A, B])).toEqual({ tell: [], lookAgainMs: 2_000 });
  await clock.advance(2_000);
  expect(told.update([A])).toEqual({ tell: [A], lookAgainMs: undefined });
  await clock.advance(60_000);
  expect(told.update([A])).toEqual({ tell: [], lookAgainMs: undefined });
});

test("what comes back is told again", async () => {
  const clock = new ManualClock();
  const told = new ToldProblems(clock, 10);
  told.update([A]);
  await clock.advance(10);
  expect(told.update([A]).tell).toEqual([A]);
  told.update([]);
  told.update([A]);
  await clock.advance(10);
  expect(told.update([A]).tell).toEqual([A]);
});
