import { expect, test } from "vitest";
import { rolloutCounts } from "../../../src/gitops/diagnose/rollout-counts.ts";

const metadata = { name: "x", generation: 2 };

test.each([
  [
    "apps/v1",
    "Deployment",
    { replicas: 3 },
    { observedGeneration: 1, updatedReplicas: 3 },
    "0 of 3 updated",
  ],
  [
    "apps/v1",
    "Deployment",
    { replicas: 3 },
    { observedGeneration: 2, replicas: 4, updatedReplicas: 2, availableReplicas: 1 },
    "2 of 3 updated, 1 available, 2 old to stop",
  ],
  ["apps/v1", "StatefulSet", {}, { updatedReplicas: 1 }, "1 of 1 updated, 0 ready"],
  [
    "apps/v1",
    "DaemonSet",
    {},
    { desiredNumberScheduled: 5, updatedNumberScheduled: 4, numberAvailable: 3 },
    "4 of 5 updated, 3 available",
  ],
  ["apps/v1", "ReplicaSet", { replicas: 2 }, {}, "0 of 2 available"],
  [
    "batch/v1",
    "Job",
    { completions: 4 },
    { succeeded: 1, active: 2, failed: 1 },
    "1 of 4 completed, 2 running, 1 failed",
  ],
])("%s %s", (apiVersion, kind, spec, status, text) => {
  const object = { apiVersion, kind, metadata, spec, status };
  expect(rolloutCounts(object)?.text).toBe(text);
});

test("what runs no pods has no counts", () => {
  expect(rolloutCounts({ apiVersion: "v1", kind: "Service", metadata })).toBeUndefined();
});
