import { describe, expect, test } from "vitest";
import {
  MetricError,
  proposeReplicas,
} from "../../../../src/engine/controllers/horizontalpodautoscaler/replica-calculator.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const at = (secondsAgo: number): string => new Date(NOW_MS - secondsAgo * 1000).toISOString();

interface Sample {
  readonly ready?: boolean;
  readonly startedSecondsAgo?: number;
  readonly readySecondsAgo?: number;
  readonly phase?: string;
  readonly deleting?: boolean;
  /** Of a request of 1000; undefined: not measured. */
  readonly use?: number;
}
function propose(
  samples: readonly Sample[],
  { utilization = 50, current = samples.length, isCpu = true } = {},
) {
  const pods = samples.map((sample, index): Pod => {
    const { ready = true, startedSecondsAgo = 3600, phase = "Running" } = sample;
    const changed = at(sample.readySecondsAgo ?? startedSecondsAgo);
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `p${index}`,
        ...(sample.deleting === true ? { deletionTimestamp: at(1) } : {}),
      },
      spec: { containers: [] },
      status: {
        phase,
        startTime: at(startedSecondsAgo),
        conditions: [
          { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: changed },
        ],
      },
    };
  });
  const readings = new Map(
    samples.flatMap(({ use }, index) =>
      use === undefined
        ? []
        : [[`p${index}`, { value: use, atMs: NOW_MS, windowMs: 15_000 }] as const],
    ),
  );
  return proposeReplicas(
    {
      pods,
      readings,
      isCpu,
      currentReplicas: current,
      tolerance: { up: 0.1, down: 0.1 },
      nowMs: NOW_MS,
    },
    { utilization, requestOf: () => 1000 },
  );
}

describe("the size", () => {
  test("follows the ratio of what is used to what is wanted, rounded up", () => {
    expect(propose([{ use: 700 }, { use: 900 }])).toEqual({
      replicas: 4,
      averageValue: 800,
      averageUtilization: 80,
    });
    expect(propose([{ use: 100 }, { use: 100 }, { use: 100 }]).replicas).toBe(1);
  });

  test("stays within the tolerance of a tenth", () => {
    expect(propose([{ use: 550 }, { use: 550 }]).replicas).toBe(2);
    expect(propose([{ use: 560 }, { use: 560 }]).replicas).toBe(3);
    expect(propose([{ use: 450 }, { use: 450 }, { use: 450 }]).replicas).toBe(3);
  });

  test("a pod that was not measured counts as idle before growing, as busy before shrinking", () => {
    // 900 of 1000 on one of two: alone it were 4, with an idle one 900/2000 = 45 %: turned round.
    expect(propose([{ use: 900 }, {}]).replicas).toBe(2);
    expect(propose([{ use: 1000 }, { use: 1000 }, {}]).replicas).toBe(4);
    // 10 % and a busy one: 110 % of three thousand is 36 %, still less than 50 %.
    expect(propose([{ use: 50 }, { use: 50 }, {}]).replicas).toBe(3);
    expect(propose([{ use: 0 }, { use: 0 }, { use: 0 }, { use: 0 }, {}]).replicas).toBe(2);
  });

  test("a pod that has just started does not make it grow, however busy it is", () => {
    const warm = { use: 1000, startedSecondsAgo: 60, readySecondsAgo: 5 };
    // 60 % of the ready one would mean two of two; the one that warms up counts as idle: 30 %.
    expect(propose([{ use: 600 }, warm]).replicas).toBe(2);
    // Later its use counts: 80 % on average.
    expect(propose([{ use: 600 }, { ...warm, readySecondsAgo: 40 }]).replicas).toBe(4);
    // Memory does not warm up.
    expect(propose([{ use: 600 }, warm], { isCpu: false }).replicas).toBe(4);
  });

  test("pods that go or have failed are left out, pending ones are not ready", () => {
    expect(
      propose([{ use: 1000 }, { use: 1000, deleting: true }, { use: 5, phase: "Failed" }]).replicas,
    ).toBe(2);
    expect(propose([{ use: 1000 }, { phase: "Pending" }], { utilization: 20 }).replicas).toBe(5);
  });

  test("cannot be told without pods or measurements", () => {
    expect(() => propose([])).toThrow(MetricError);
    expect(() => propose([{}])).toThrow("did not receive metrics for targeted pods");
  });
});
