import { expect, test } from "vitest";
import { boundsOf } from "../../../../src/engine/controllers/deployment/bounds.ts";
import {
  newestSetSize,
  planScaleDown,
} from "../../../../src/engine/controllers/deployment/rolling-update.ts";
import { deployment, replicaSet } from "../sample-objects.ts";

test.each([
  [10, "25%", "25%", 3, 2],
  [1, "25%", "25%", 1, 0],
  [3, "25%", "25%", 1, 0],
  [4, "25%", "25%", 1, 1],
  [10, 0, "5%", 0, 1],
  [10, "0%", 0, 0, 1],
  [10, 5, 20, 5, 10],
  [0, "25%", "25%", 0, 0],
])(
  "%i replicas, surge %s, unavailable %s: %i more, %i fewer",
  (replicas, maxSurge, maxUnavailable, more, fewer) => {
    expect(boundsOf(deployment({ replicas, maxSurge, maxUnavailable }))).toEqual({
      maxSurge: more,
      maxUnavailable: fewer,
    });
  },
);

test("Recreate has no bounds to stray within", () => {
  expect(boundsOf(deployment({ strategy: "Recreate" }))).toEqual({
    maxSurge: 0,
    maxUnavailable: 0,
  });
});

const sample = deployment({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });

test("the worked example: 10 replicas, surge 3, unavailable 2", () => {
  // The set is created with what the surge allows.
  expect(newestSetSize(sample, 0, 10)).toBe(3);
  // None of the new ones is available yet: 13 - 8 - 3 = 2 old ones may go.
  expect(sizes(planScaleDown(sample, replicaSet("new", { size: 3 }), [old(10, 10)]))).toEqual([8]);
  // 3 + 8 = 11: two more fit.
  expect(newestSetSize(sample, 3, 11)).toBe(5);
  // If new ones never become available: 13 - 8 - 5 = 0, and it stops here.
  expect(planScaleDown(sample, replicaSet("new", { size: 5 }), [old(8, 8)])).toEqual([]);
  expect(newestSetSize(sample, 5, 13)).toBe(5);
  // As they do become available, old ones go one for one.
  expect(
    sizes(planScaleDown(sample, replicaSet("new", { size: 5, available: 1 }), [old(8, 8)])),
  ).toEqual([7]);
});

test("old pods that are not available go first, the oldest set first", () => {
  const [oldest, younger] = [
    replicaSet("oldest", { size: 4, available: 4, age: 30 }),
    replicaSet("younger", { size: 4, available: 0, age: 20 }),
  ];
  const newest = replicaSet("new", { size: 5, available: 5 });
  // Budget 13 - 8 - 0 = 5: the four broken ones, then 9 - 8 = 1 available one of the oldest set.
  expect(planScaleDown(sample, newest, [younger, oldest])).toEqual([
    { set: oldest, replicas: 3 },
    { set: younger, replicas: 0 },
  ]);
});

test("broken old pods are removed even when none is available, so that a bad rollout can be left", () => {
  const broken = replicaSet("broken", { size: 13, available: 0 });
  expect(sizes(planScaleDown(sample, replicaSet("new", { size: 0 }), [broken]))).toEqual([8]);
});

test("a new set that is too large shrinks to the wanted size", () => {
  expect(newestSetSize(sample, 15, 15)).toBe(10);
});

function old(size: number, available: number) {
  return replicaSet("old", { size, available, age: 10 });
}
function sizes(scales: readonly { readonly replicas: number }[]): number[] {
  return scales.map(({ replicas }) => replicas);
}
