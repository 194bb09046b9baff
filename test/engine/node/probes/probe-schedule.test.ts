import fc from "fast-check";
import { expect, it } from "vitest";
import { failure, success } from "../../../../src/engine/node/probes/outcome.ts";
import {
  nextDelayMs,
  observe,
  type ProbeState,
  UNPROBED,
} from "../../../../src/engine/node/probes/probe-schedule.ts";

const probe = {
  httpGet: { port: 80 },
  periodSeconds: 10,
  failureThreshold: 3,
  successThreshold: 1,
};

it("asks a starting program ever less often, up to its period", () => {
  const at = (ageMs: number, type: "readiness" | "liveness" = "readiness"): number =>
    nextDelayMs(type, probe, UNPROBED, { nowMs: ageMs, startedAtMs: 0 });
  expect([0, 100, 1_000, 20_000, 500_000].map((ageMs) => at(ageMs))).toEqual([
    25, 25, 100, 2_000, 10_000,
  ]);
  expect(at(0, "liveness")).toBe(10_000);
  const exec = { exec: { command: ["x"] }, periodSeconds: 10 };
  expect(nextDelayMs("readiness", exec, UNPROBED, { nowMs: 0, startedAtMs: 0 })).toBe(200);
});

it("notices a start at most a tenth late (or at the shortest pause)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 90_000 }), (readyAtMs) => {
      let nowMs = 0;
      while (nowMs < readyAtMs)
        nowMs += nextDelayMs("readiness", probe, UNPROBED, { nowMs, startedAtMs: 0 });
      expect(nowMs - readyAtMs).toBeLessThanOrEqual(Math.max(25, readyAtMs * 0.1));
    }),
  );
});

it("never fails a startup probe before failureThreshold periods have passed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 25, max: 9_000 }), { minLength: 1, maxLength: 200 }),
      (pauses) => {
        let state: ProbeState = UNPROBED;
        let nowMs = 0;
        let firstMs: number | undefined;
        for (const pauseMs of pauses) {
          state = observe("startup", probe, state, failure("no"), nowMs);
          firstMs ??= nowMs;
          if (state.result === false) expect(nowMs - firstMs).toBeGreaterThanOrEqual(20_000);
          nowMs += pauseMs;
        }
      },
    ),
  );
});

it("changes its result only at the threshold of equal outcomes in a row", () => {
  const thresholds = { ...probe, successThreshold: 2 };
  let state: ProbeState = { ...UNPROBED, result: true };
  const see = (outcome: typeof success, seconds: number): boolean | undefined => {
    state = observe("readiness", thresholds, state, outcome, seconds * 1000);
    return state.result;
  };
  const no = failure("no");
  expect([see(no, 0), see(no, 10), see(success, 20), see(no, 30), see(no, 40)]).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(see(no, 50)).toBe(false);
  expect([see(success, 60), see(success, 70)]).toEqual([false, true]);
});
