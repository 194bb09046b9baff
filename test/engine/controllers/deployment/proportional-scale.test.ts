import fc from "fast-check";
import { expect, test } from "vitest";
import {
  isScalingEvent,
  planProportionalScale,
} from "../../../../src/engine/controllers/deployment/proportional-scale.ts";
import { deployment, replicaSet } from "../sample-objects.ts";

function named(scales: ReturnType<typeof planProportionalScale>): Record<string, number> {
  return Object.fromEntries(scales.map(({ set, replicas }) => [set.metadata.name, replicas]));
}
const bounds = { maxSurge: 3, maxUnavailable: 2 };

test("another number of replicas than the sets remember is a scaling event", () => {
  const sample = deployment({ replicas: 10 });
  expect(isScalingEvent(sample, [replicaSet("a", { size: 5, desired: 10 })])).toBe(false);
  expect(isScalingEvent(sample, [replicaSet("a", { size: 5, desired: 8 })])).toBe(true);
  expect(isScalingEvent(sample, [replicaSet("a", { size: 0, desired: 8 })])).toBe(false);
  expect(isScalingEvent(sample, [replicaSet("a", { size: 5 })])).toBe(false);
});

test("the documented example: 10 to 15 replicas in the middle of a rollout adds 3 and 2", () => {
  const old = replicaSet("old", { size: 8, desired: 10, max: 13, age: 10 });
  const newest = replicaSet("new", { size: 5, desired: 10, max: 13 });
  // 18 allowed, 13 there: old 8 * 18/13 = 11, new 5 * 18/13 = 7.
  expect(
    named(planProportionalScale(deployment({ replicas: 15, ...bounds }), newest, [old])),
  ).toEqual({
    "web-old": 11,
    "web-new": 7,
  });
});

test("to zero takes every set to zero", () => {
  const old = replicaSet("old", { size: 8, desired: 10, max: 13, age: 10 });
  const newest = replicaSet("new", { size: 5, desired: 10, max: 13 });
  expect(
    named(planProportionalScale(deployment({ replicas: 0, ...bounds }), newest, [old])),
  ).toEqual({
    "web-old": 0,
    "web-new": 0,
  });
});

test("a single set with pods takes the whole size; without any, the newest does", () => {
  const old = replicaSet("old", { size: 4, age: 10 });
  const newest = replicaSet("new", { size: 0 });
  const sample = deployment({ replicas: 7 });
  expect(named(planProportionalScale(sample, newest, [old]))).toEqual({ "web-old": 7 });
  const empty = replicaSet("old", { size: 0, age: 10 });
  const older = replicaSet("older", { size: 0, age: 20 });
  expect(named(planProportionalScale(sample, newest, [empty]))).toEqual({ "web-new": 7 });
  expect(named(planProportionalScale(sample, undefined, [empty, older]))).toEqual({ "web-old": 7 });
});

test("when the newest set has all its pods available, the old ones go", () => {
  const old = replicaSet("old", { size: 2, age: 10 });
  const newest = replicaSet("new", { size: 10, available: 10, desired: 10 });
  expect(named(planProportionalScale(deployment(), newest, [old]))).toEqual({ "web-old": 0 });
});

test("a set that was scaled directly only gets its annotations back", () => {
  const newest = replicaSet("new", { size: 10, desired: 3 });
  expect(named(planProportionalScale(deployment(), newest, []))).toEqual({ "web-new": 10 });
});

test("sizes always add up to replicas + surge, are never negative and never against the direction", () => {
  const set = fc.record({ size: fc.integer({ min: 1, max: 40 }), age: fc.nat(50) });
  fc.assert(
    fc.property(
      fc.array(set, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 1, max: 100 }),
      fc.nat(20),
      fc.integer({ min: 1, max: 100 }),
      (samples, replicas, maxSurge, max) => {
        const sets = samples.map((sample, i) =>
          replicaSet(`s${i}`, { ...sample, desired: 1, max }),
        );
        const before = samples.reduce((sum, { size }) => sum + size, 0);
        const [newest, ...old] = sets;
        const sample = deployment({ replicas, maxSurge, maxUnavailable: 1 });
        const scales = planProportionalScale(sample, newest, old);
        const after = scales.reduce((sum, scale) => sum + scale.replicas, 0);
        expect(after).toBe(replicas + maxSurge);
        for (const {
          set: { spec },
          replicas: size,
        } of scales) {
          expect(size).toBeGreaterThanOrEqual(0);
          if (after > before) expect(size).toBeGreaterThanOrEqual(spec?.replicas ?? 0);
          else expect(size).toBeLessThanOrEqual(spec?.replicas ?? 0);
        }
      },
    ),
  );
});
