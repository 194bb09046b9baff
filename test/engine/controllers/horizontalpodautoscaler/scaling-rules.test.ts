import { describe, expect, test } from "vitest";
import {
  type Behavior,
  normalize,
  type Recommendation,
  type ScaleEvent,
} from "../../../../src/engine/controllers/horizontalpodautoscaler/scaling-rules.ts";
import {
  DEFAULT_SCALE_DOWN,
  DEFAULT_SCALE_UP,
} from "../../../../src/kube/kinds/horizontalpodautoscaler/autoscaler-defaults.ts";

const NOW_MS = 10_000_000;
const ago = (seconds: number): number => NOW_MS - seconds * 1000;
const DEFAULTS: Behavior = { up: DEFAULT_SCALE_UP, down: DEFAULT_SCALE_DOWN };

function go(
  current: number,
  recommended: number,
  options: {
    readonly behavior?: Behavior;
    readonly recommendations?: readonly Recommendation[];
    readonly events?: readonly ScaleEvent[];
    readonly min?: number;
    readonly max?: number;
  } = {},
) {
  const { behavior = DEFAULTS, recommendations = [], events = [], min = 1, max = 100 } = options;
  const history = { recommendations, events };
  return normalize(recommended, current, { min, max }, behavior, history, NOW_MS);
}

describe("without rules of its own", () => {
  test.each([
    [1, 50, 5],
    [4, 50, 8],
    [10, 50, 20],
    [10, 12, 12],
  ])("%i replicas go towards %i by %i: four more or twice as many", (current, wanted, size) => {
    expect(go(current, wanted).replicas).toBe(size);
  });

  test("scaling down waits until the highest recommendation of five minutes is past", () => {
    const recommendations = [
      { atMs: ago(301), replicas: 40 },
      { atMs: ago(299), replicas: 9 },
      { atMs: ago(15), replicas: 3 },
    ];
    const { replicas, stabilized } = go(10, 2, { recommendations });
    expect(replicas).toBe(9);
    expect(stabilized?.reason).toBe("ScaleDownStabilized");
    expect(go(10, 2, { recommendations: recommendations.slice(0, 1) }).replicas).toBe(2);
  });

  test("the bounds hold, and the condition says which", () => {
    expect(go(50, 90, { max: 60 })).toMatchObject({
      replicas: 60,
      limit: { isLimited: true, reason: "TooManyReplicas" },
    });
    expect(go(5, 1, { min: 3 })).toMatchObject({
      replicas: 3,
      limit: { isLimited: true, reason: "TooFewReplicas" },
    });
    expect(go(5, 50)).toMatchObject({ limit: { isLimited: true, reason: "ScaleUpLimit" } });
    expect(go(5, 5)).toMatchObject({ limit: { isLimited: false, reason: "DesiredWithinRange" } });
  });
});

describe("rules", () => {
  const pods = (value: number, periodSeconds = 60) => ({ type: "Pods", value, periodSeconds });
  const percent = (value: number, periodSeconds = 60) => ({
    type: "Percent",
    value,
    periodSeconds,
  });

  test("count what was done within the period already, in both directions", () => {
    const up = { policies: [pods(4)] };
    const events = [
      { atMs: ago(61), change: 20 },
      { atMs: ago(30), change: 3 },
    ];
    // Three of four were added; one is left.
    expect(go(13, 50, { behavior: { ...DEFAULTS, up }, events }).replicas).toBe(14);
    const removed = [{ atMs: ago(30), change: -5 }];
    expect(go(10, 50, { behavior: { ...DEFAULTS, up }, events: removed }).replicas).toBe(19);
  });

  test("choose the policy that allows most, or least, or none", () => {
    const policies = [pods(2), percent(50)];
    const down = (selectPolicy: string) => ({
      ...DEFAULTS,
      down: { selectPolicy, policies, stabilizationWindowSeconds: 0 },
    });
    expect(go(10, 1, { behavior: down("Max") }).replicas).toBe(5);
    expect(go(10, 1, { behavior: down("Min") }).replicas).toBe(8);
    expect(go(10, 1, { behavior: down("Disabled") })).toMatchObject({
      replicas: 10,
      limit: { reason: "ScaleDownLimit" },
    });
  });

  test("a window for scaling up takes the lowest recommendation", () => {
    const up = { ...DEFAULT_SCALE_UP, stabilizationWindowSeconds: 60 };
    const recommendations = [{ atMs: ago(30), replicas: 6 }];
    expect(go(5, 9, { behavior: { ...DEFAULTS, up }, recommendations })).toMatchObject({
      replicas: 6,
      stabilized: { reason: "ScaleUpStabilized" },
    });
  });
});
