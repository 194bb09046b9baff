import { expect, test } from "vitest";
import { deployment } from "../sample-objects.ts";
import { RolloutSimulation } from "./rollout-simulation.ts";

const REVISION = "deployment.kubernetes.io/revision";
const HISTORY = "deployment.kubernetes.io/revision-history";

function settled(sample: Parameters<typeof deployment>[0] = {}): RolloutSimulation {
  const simulation = new RolloutSimulation(deployment(sample));
  simulation.settle();
  return simulation;
}
const setOf = (simulation: RolloutSimulation, image: string) =>
  simulation.sets.find((set) => set.spec?.template?.spec?.containers[0]?.image === image);
const revisions = (simulation: RolloutSimulation): Record<string, string | undefined> =>
  Object.fromEntries(
    simulation.sets.map((set) => [
      set.spec?.template?.spec?.containers[0]?.image ?? "",
      set.metadata.annotations?.[REVISION],
    ]),
  );

test("the first set is created at full size, named, labelled and owned", () => {
  const simulation = new RolloutSimulation(deployment({ replicas: 3 }));
  simulation.reconcile();
  const [set] = simulation.sets;
  const hash = set?.metadata.labels?.["pod-template-hash"] ?? "";
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/);
  expect(set).toMatchObject({
    metadata: {
      name: `web-${hash}`,
      labels: { app: "web", "pod-template-hash": hash },
      ownerReferences: [
        { kind: "Deployment", name: "web", controller: true, blockOwnerDeletion: true },
      ],
      annotations: {
        [REVISION]: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
      },
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web", "pod-template-hash": hash } },
      template: { metadata: { labels: { app: "web", "pod-template-hash": hash } } },
    },
  });
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetCreated");
  expect(simulation.condition("Available")).toBe("False MinimumReplicasUnavailable");
});

test("a Deployment without replicas is complete at once, in one look", () => {
  const simulation = new RolloutSimulation(deployment({ replicas: 0 }));
  simulation.reconcile();
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
  const { status } = simulation.deployment;
  expect(simulation.reconcile()).toBe(false);
  expect(simulation.deployment.status).toEqual(status);
});

test("a rollout ends with all pods new, and every look after changes nothing", () => {
  const simulation = settled({ replicas: 4 });
  simulation.changeImage("v2");
  simulation.settle();
  expect(simulation.sizes).toEqual({ v2: 4 });
  expect(simulation.deployment.status).toMatchObject({
    replicas: 4,
    updatedReplicas: 4,
    readyReplicas: 4,
    availableReplicas: 4,
    unavailableReplicas: 0,
    observedGeneration: 2,
  });
  const { status } = simulation.deployment;
  expect(simulation.reconcile()).toBe(false);
  expect(simulation.deployment.status).toEqual(status);
});

test("going back uses the old set again, under a new revision that remembers the former", () => {
  const simulation = settled({ replicas: 2 });
  simulation.changeImage("v2");
  simulation.settle();
  const first = setOf(simulation, "v1")?.metadata.name;
  simulation.changeImage("v1");
  simulation.settle();
  expect(simulation.sets).toHaveLength(2);
  expect(setOf(simulation, "v1")?.metadata.name).toBe(first);
  expect(simulation.sizes).toEqual({ v1: 2 });
  expect(revisions(simulation)).toEqual({ v1: "3", v2: "2" });
  expect(setOf(simulation, "v1")?.metadata.annotations?.[HISTORY]).toBe("1");
  expect(simulation.lastPlan?.revision).toBe(3);
});

test("a new version in the middle of a rollout takes over", () => {
  const simulation = settled({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
  simulation.changeImage("bad");
  simulation.settle(false);
  expect(simulation.sizes).toEqual({ v1: 8, bad: 5 });
  simulation.changeImage("v3");
  simulation.reconcile();
  // No room for new ones yet; the broken ones go first.
  expect(simulation.sizes).toEqual({ v1: 8 });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v3: 10 });
});

test("while paused a new template rolls out nothing, but scaling works", () => {
  const simulation = settled({ replicas: 4 });
  simulation.changeSpec({ paused: true });
  simulation.changeImage("v2");
  simulation.settle();
  expect(simulation.sizes).toEqual({ v1: 4 });
  expect(simulation.condition("Progressing")).toBe("Unknown DeploymentPaused");
  expect(simulation.lastPlan?.lookAgainInMs).toBeUndefined();
  simulation.changeSpec({ replicas: 6 });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v1: 6 });
  simulation.changeSpec({ paused: false });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v2: 6 });
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
});

test("paused in the middle and scaled, both versions grow in proportion, then the rollout goes on", () => {
  const simulation = settled({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
  simulation.changeImage("v2");
  simulation.settle(false);
  expect(simulation.sizes).toEqual({ v1: 8, v2: 5 });
  simulation.changeSpec({ paused: true, replicas: 15 });
  simulation.settle(false);
  expect(simulation.sizes).toEqual({ v1: 11, v2: 7 });
  simulation.changeSpec({ paused: false });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v2: 15 });
});

test("scaled to zero and back in the middle of a rollout", () => {
  const simulation = settled({ replicas: 5 });
  simulation.changeImage("v2");
  simulation.reconcile();
  simulation.changeSpec({ replicas: 0 });
  simulation.settle();
  expect(simulation.total).toBe(0);
  simulation.changeSpec({ replicas: 3 });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v2: 3 });
});

test("Recreate: no new pod before the last old one is gone", () => {
  const simulation = settled({ replicas: 3, strategy: "Recreate" });
  simulation.changeImage("v2");
  simulation.reconcile();
  expect(simulation.sizes).toEqual({});
  simulation.reconcile();
  expect(simulation.sets).toHaveLength(1);
  expect(simulation.total).toBe(3);
  simulation.syncSet(0);
  simulation.reconcile();
  expect(simulation.sizes).toEqual({ v2: 3 });
  simulation.settle();
  expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
  simulation.changeSpec({ replicas: 5 });
  simulation.settle();
  expect(simulation.sizes).toEqual({ v2: 5 });
});

test("history keeps revisionHistoryLimit old sets, the newest revisions", () => {
  const simulation = settled({ replicas: 1, spec: { revisionHistoryLimit: 2 } });
  for (const image of ["v2", "v3", "v1", "v4", "v5"]) {
    simulation.changeImage(image);
    simulation.settle();
  }
  expect(revisions(simulation)).toEqual({ v1: "4", v4: "5", v5: "6" });
  simulation.changeSpec({ revisionHistoryLimit: 0 });
  simulation.settle();
  expect(revisions(simulation)).toEqual({ v5: "6" });
});

test("annotations reach the newest set, those about rollouts do not", () => {
  const simulation = settled({
    annotations: { note: "x", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
  });
  const { annotations } = simulation.deployment.metadata;
  simulation.deployment = {
    ...simulation.deployment,
    metadata: { ...simulation.deployment.metadata, annotations: { ...annotations, note: "y" } },
  };
  simulation.settle();
  expect(simulation.sets[0]?.metadata.annotations).toEqual({
    note: "y",
    [REVISION]: "1",
    "deployment.kubernetes.io/desired-replicas": "10",
    "deployment.kubernetes.io/max-replicas": "13",
  });
});

test("minReadySeconds follows without a rollout", () => {
  const simulation = settled({ replicas: 2 });
  simulation.changeSpec({ minReadySeconds: 7 });
  simulation.settle();
  expect(simulation.sets).toHaveLength(1);
  expect(simulation.sets[0]?.spec?.minReadySeconds).toBe(7);
});
