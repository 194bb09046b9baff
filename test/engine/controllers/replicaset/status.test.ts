import { expect, test } from "vitest";
import { planReplicas } from "../../../../src/engine/controllers/replicaset/replica-plan.ts";
import {
  nextAvailableInMs,
  replicaSetStatus,
} from "../../../../src/engine/controllers/replicaset/replicaset-status.ts";
import { NOW_MS, pod, replicaSet } from "../sample-objects.ts";

const set = (minReadySeconds: number) => {
  const sample = replicaSet("v1", { size: 3 });
  return { ...sample, spec: { ...sample.spec, selector: {}, minReadySeconds } };
};
const labels = { app: "web", "pod-template-hash": "v1" };

test("a pod is available once ready for minReadySeconds, and the next one's time is known", () => {
  const pods = [5, 20, 60].map((readyFor) => pod(`p${readyFor}`, { readyFor, labels }));
  expect(replicaSetStatus(set(30), pods, undefined, NOW_MS)).toMatchObject({
    readyReplicas: 3,
    availableReplicas: 1,
  });
  expect(nextAvailableInMs(set(30), pods, NOW_MS)).toBe(10_000);
  expect(nextAvailableInMs(set(0), pods, NOW_MS)).toBeUndefined();
});

test("a ready pod that is not routed to yet is not available", () => {
  const pods = [
    pod("waiting", { readyFor: 60, routed: false, labels }),
    pod("routed", { readyFor: 60, routed: true, labels }),
    pod("no-service", { readyFor: 60, labels }),
  ];
  expect(replicaSetStatus(set(0), pods, undefined, NOW_MS)).toMatchObject({
    readyReplicas: 3,
    availableReplicas: 2,
  });
  expect(nextAvailableInMs(set(90), pods, NOW_MS)).toBe(30_000);
});

test("finished pods do not count, terminating ones count apart, odd labels are noticed", () => {
  const pods = [
    pod("ok", { readyFor: 1, labels }),
    pod("unlabeled", { readyFor: 1, labels: { app: "web" } }),
    pod("failed", { phase: "Failed", labels }),
    pod("going", { readyFor: 1, deleting: true, labels }),
  ];
  expect(replicaSetStatus(set(0), pods, undefined, NOW_MS)).toEqual({
    replicas: 2,
    fullyLabeledReplicas: 1,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 1,
    observedGeneration: 1,
  });
});

test("a failure becomes a condition and goes away with the next success", () => {
  const failed = { reason: "FailedCreate", message: "exceeded quota" } as const;
  const status = replicaSetStatus(set(0), [], failed, NOW_MS);
  expect(status.conditions).toEqual([
    {
      type: "ReplicaFailure",
      status: "True",
      ...failed,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ]);
  expect(replicaSetStatus({ ...set(0), status }, [], undefined, NOW_MS).conditions).toBeUndefined();
});

test("too few pods are created in bursts, too many deleted, finished ones replaced", () => {
  const many = { ...set(0), spec: { selector: {}, replicas: 1_200 } };
  expect(planReplicas(many, [], () => [], NOW_MS)).toEqual({ create: 500, remove: [] });
  const pods = [
    pod("a", { readyFor: 5 }),
    pod("b"),
    pod("c", { readyFor: 5 }),
    pod("d", { readyFor: 5 }),
  ];
  expect(planReplicas(set(0), pods, () => pods, NOW_MS)).toEqual({ create: 0, remove: [pods[1]] });
  const finished = [pod("x", { phase: "Succeeded" }), pod("y", { deleting: true })];
  expect(planReplicas(set(0), finished, () => [], NOW_MS).create).toBe(3);
});
