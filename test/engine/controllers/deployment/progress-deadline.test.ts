import { expect, test } from "vitest";
import { deployment } from "../sample-objects.ts";
import { RolloutSimulation } from "./rollout-simulation.ts";

function stuck(spec: Parameters<RolloutSimulation["changeSpec"]>[0] = {}): RolloutSimulation {
  const simulation = new RolloutSimulation(deployment({ replicas: 3, spec }));
  simulation.settle();
  simulation.nowMs += 3_600_000;
  simulation.changeImage("bad");
  simulation.settle(false);
  return simulation;
}

test("a rollout without progress for 600 s is told, and told to be looked at then", () => {
  const simulation = stuck();
  expect(simulation.condition("Progressing")).toBe("True ReplicaSetUpdated");
  expect(simulation.lastPlan?.lookAgainInMs).toBe(601_000);
  simulation.nowMs += 600_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("True ReplicaSetUpdated");
  simulation.nowMs += 1_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("False ProgressDeadlineExceeded");
  expect(simulation.condition("Available")).toBe("True MinimumReplicasAvailable");
  expect(simulation.lastPlan?.lookAgainInMs).toBeUndefined();
});

test("progress starts the clock again", () => {
  const simulation = stuck({ progressDeadlineSeconds: 100 });
  simulation.nowMs += 90_000;
  simulation.becomeReady(0);
  for (let i = 0; i < 2; i++) simulation.observeSet(i);
  simulation.reconcile();
  expect(simulation.lastPlan?.lookAgainInMs).toBe(101_000);
  simulation.nowMs += 90_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("True ReplicaSetUpdated");
});

test("a fixed version ends the exceeded deadline", () => {
  const simulation = stuck();
  simulation.nowMs += 700_000;
  simulation.reconcile();
  simulation.changeImage("good");
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetCreated");
  simulation.settle();
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
});

test("time spent paused does not count", () => {
  const simulation = stuck({ progressDeadlineSeconds: 100 });
  simulation.changeSpec({ paused: true });
  simulation.reconcile();
  simulation.nowMs += 1_000_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("Unknown DeploymentPaused");
  simulation.changeSpec({ paused: false });
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("Unknown DeploymentResumed");
  expect(simulation.lastPlan?.lookAgainInMs).toBe(101_000);
  simulation.nowMs += 101_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("False ProgressDeadlineExceeded");
});

test("a finished rollout stays finished when a pod is lost later", () => {
  const simulation = new RolloutSimulation(deployment({ replicas: 2 }));
  simulation.settle();
  const [pods] = [...simulation.pods.values()];
  const [pod] = pods ?? [];
  if (pod !== undefined) pod.ready = false;
  simulation.observeSet(0);
  simulation.nowMs += 10_000_000;
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
  expect(simulation.condition("Available")).toBe("False MinimumReplicasUnavailable");
  expect(simulation.lastPlan?.lookAgainInMs).toBeUndefined();
});

test("without a deadline there is no Progressing condition", () => {
  const simulation = stuck({ progressDeadlineSeconds: 2 ** 31 - 1 });
  expect(simulation.condition("Progressing")).toBe("");
  expect(simulation.lastPlan?.lookAgainInMs).toBeUndefined();
});

test("a set that cannot create pods shows on the Deployment, and stops showing", () => {
  const simulation = stuck();
  const newest = simulation.sets.findIndex((set) => (set.status?.availableReplicas ?? 0) === 0);
  const set = simulation.sets[newest];
  if (set === undefined) throw new Error("no set");
  const failure = {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: "quota",
  };
  simulation.sets[newest] = {
    ...set,
    status: { replicas: 1, ...set.status, conditions: [failure] },
  };
  simulation.reconcile();
  expect(simulation.condition("ReplicaFailure")).toBe("True FailedCreate");
  const { status } = simulation.deployment;
  simulation.reconcile();
  expect(simulation.deployment.status).toEqual(status);
  simulation.observeSet(newest);
  simulation.reconcile();
  expect(simulation.condition("ReplicaFailure")).toBe("");
});
