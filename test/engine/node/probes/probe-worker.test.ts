import { expect, it } from "vitest";
import { failure, type ProbeOutcome, success } from "../../../../src/engine/node/probes/outcome.ts";
import { startProbe } from "../../../../src/engine/node/probes/probe-worker.ts";
import { ManualClock } from "../../../manual-clock.ts";

function probe(type: "liveness" | "startup", attempt: () => Promise<ProbeOutcome>) {
  const clock = new ManualClock();
  const results: boolean[] = [];
  const failures: string[] = [];
  const stop = startProbe({
    type,
    probe: { exec: { command: ["x"] }, periodSeconds: 10, failureThreshold: 1 },
    clock,
    startedAtMs: clock.now(),
    attempt,
    onResult: (result) => results.push(result),
    onFailure: (message) => failures.push(message),
  });
  return { clock, results, failures, stop };
}

it("ignores the outcome of an attempt that was under way when it was stopped", async () => {
  let answer: (outcome: ProbeOutcome) => void = () => undefined;
  const { clock, results, failures, stop } = probe(
    "liveness",
    () => new Promise((resolve) => (answer = resolve)),
  );
  await clock.advance(1);
  stop();
  answer(failure("too late"));
  await clock.advance(60_000);
  expect([results, failures, clock.pending]).toEqual([[], [], 0]);
});

it("never has two attempts under way", async () => {
  let underWay = 0;
  const { clock, stop } = probe("liveness", async () => {
    expect(++underWay).toBe(1);
    await new Promise<void>((resolve) => clock.after(35_000, resolve));
    underWay--;
    return success;
  });
  for (let second = 0; second < 120; second++) await clock.advance(1_000);
  stop();
});

it("rests once a startup probe has succeeded", async () => {
  let attempts = 0;
  const { clock, results } = probe("startup", async () => {
    attempts++;
    return success;
  });
  await clock.advance(60_000);
  expect([attempts, results, clock.pending]).toEqual([1, [true], 0]);
});
