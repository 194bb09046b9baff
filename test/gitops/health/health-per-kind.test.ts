/** Argo CD's rules (gitops-engine/pkg/health), kind by kind, and how objects add up. */
import { describe, expect, test } from "vitest";
import { HEALTHY, worstOf } from "../../../src/gitops/health/health.ts";
import { healthOf } from "../../../src/gitops/health/rules.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

type Row = readonly [what: string, state: string, fields: object];

function object(
  apiVersion: string,
  kind: string,
  { metadata, ...fields }: { metadata?: object } = {},
): KubeObject {
  return { apiVersion, kind, ...fields, metadata: { name: "x", generation: 1, ...metadata } };
}
function rules(apiVersion: string, kind: string, rows: readonly Row[]): void {
  describe(kind, () => {
    test.each(rows)("%s: %s", (_what, state, fields) => {
      const health = healthOf(object(apiVersion, kind, fields));
      expect(health?.status).toBe(state);
      // Whoever is not healthy says why.
      expect(health?.message === undefined).toBe(state === "Healthy");
    });
  });
}
const seen = { observedGeneration: 1 };
const condition = (type: string, status: string, reason?: string): object => ({
  type,
  status,
  reason,
});

rules("apps/v1", "Deployment", [
  ["paused", "Suspended", { spec: { paused: true }, status: {} }],
  ["not seen by the controller", "Progressing", { spec: { replicas: 0 } }],
  [
    "over its deadline",
    "Degraded",
    {
      spec: {},
      status: {
        ...seen,
        conditions: [condition("Progressing", "False", "ProgressDeadlineExceeded")],
      },
    },
  ],
  [
    "not all updated",
    "Progressing",
    { spec: { replicas: 2 }, status: { ...seen, replicas: 2, updatedReplicas: 1 } },
  ],
  [
    "old ones left",
    "Progressing",
    {
      spec: { replicas: 1 },
      status: { ...seen, replicas: 2, updatedReplicas: 1, availableReplicas: 2 },
    },
  ],
  [
    "not all available",
    "Progressing",
    {
      spec: { replicas: 2 },
      status: { ...seen, replicas: 2, updatedReplicas: 2, availableReplicas: 1 },
    },
  ],
  [
    "rolled out",
    "Healthy",
    {
      spec: { replicas: 2 },
      status: { ...seen, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
    },
  ],
  ["scaled to nothing", "Healthy", { spec: { replicas: 0 }, status: seen }],
]);
rules("apps/v1", "ReplicaSet", [
  ["not seen", "Progressing", { spec: { replicas: 0 } }],
  [
    "cannot create",
    "Degraded",
    { spec: {}, status: { ...seen, conditions: [condition("ReplicaFailure", "True")] } },
  ],
  ["too few", "Progressing", { spec: { replicas: 2 }, status: { ...seen, availableReplicas: 1 } }],
  ["enough", "Healthy", { spec: { replicas: 2 }, status: { ...seen, availableReplicas: 2 } }],
]);
const partition = { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } };
rules("apps/v1", "StatefulSet", [
  ["not seen", "Progressing", { spec: { replicas: 0 }, status: { observedGeneration: 0 } }],
  [
    "too few ready",
    "Progressing",
    { spec: { replicas: 2 }, status: { ...seen, readyReplicas: 1 } },
  ],
  [
    "updating above its partition",
    "Progressing",
    {
      spec: { replicas: 3, ...partition },
      status: { ...seen, readyReplicas: 3, updatedReplicas: 1 },
    },
  ],
  [
    "updated down to its partition",
    "Healthy",
    {
      spec: { replicas: 3, ...partition },
      status: {
        ...seen,
        readyReplicas: 3,
        updatedReplicas: 2,
        currentRevision: "a",
        updateRevision: "b",
      },
    },
  ],
  [
    "updated on delete only",
    "Healthy",
    {
      spec: { replicas: 1, updateStrategy: { type: "OnDelete" } },
      status: { ...seen, readyReplicas: 1 },
    },
  ],
  [
    "between two revisions",
    "Progressing",
    {
      spec: { replicas: 1 },
      status: { ...seen, readyReplicas: 1, currentRevision: "a", updateRevision: "b" },
    },
  ],
  [
    "at its revision",
    "Healthy",
    {
      spec: { replicas: 1 },
      status: { ...seen, readyReplicas: 1, currentRevision: "b", updateRevision: "b" },
    },
  ],
]);
rules("apps/v1", "DaemonSet", [
  ["not seen", "Progressing", {}],
  [
    "not all updated",
    "Progressing",
    { status: { ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 1 } },
  ],
  [
    "not all available",
    "Progressing",
    {
      status: { ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 },
    },
  ],
  [
    "updated on delete only",
    "Healthy",
    {
      spec: { updateStrategy: { type: "OnDelete" } },
      status: { ...seen, desiredNumberScheduled: 2 },
    },
  ],
  [
    "everywhere",
    "Healthy",
    {
      status: { ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 },
    },
  ],
]);
rules("batch/v1", "Job", [
  ["failed", "Degraded", { status: { conditions: [condition("Failed", "True")] } }],
  ["suspended", "Suspended", { status: { conditions: [condition("Suspended", "True")] } }],
  ["complete", "Healthy", { status: { conditions: [condition("Complete", "True")] } }],
  ["running", "Progressing", { status: { active: 1 } }],
]);
const at = (minute: number): string => `2026-01-01T00:0${minute}:00Z`;
rules("batch/v1", "CronJob", [
  ["never scheduled yet", "Healthy", { spec: {} }],
  ["suspended", "Healthy", { spec: { suspend: true } }],
  ["never succeeded", "Healthy", { spec: {}, status: { lastScheduleTime: at(1) } }],
  [
    "running",
    "Healthy",
    { spec: {}, status: { active: [{}], lastScheduleTime: at(2), lastSuccessfulTime: at(1) } },
  ],
  [
    "last run failed",
    "Degraded",
    { spec: {}, status: { lastScheduleTime: at(2), lastSuccessfulTime: at(1) } },
  ],
  [
    "last run succeeded",
    "Healthy",
    { spec: {}, status: { lastScheduleTime: at(1), lastSuccessfulTime: at(2) } },
  ],
]);
rules("v1", "PersistentVolumeClaim", [
  ["bound", "Healthy", { status: { phase: "Bound" } }],
  ["pending", "Progressing", { status: { phase: "Pending" } }],
  ["lost", "Degraded", { status: { phase: "Lost" } }],
  ["anything else", "Unknown", { status: { phase: "Odd" } }],
]);
rules("v1", "Service", [
  ["inside the cluster", "Healthy", { spec: { type: "ClusterIP" } }],
  [
    "waiting for its address",
    "Progressing",
    { spec: { type: "LoadBalancer" }, status: { loadBalancer: {} } },
  ],
  [
    "with its address",
    "Healthy",
    { spec: { type: "LoadBalancer" }, status: { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } } },
  ],
]);
rules("networking.k8s.io/v1", "Ingress", [
  ["without an address: no controller may serve it", "Healthy", { spec: {} }],
]);
rules("v1", "Namespace", [
  ["active", "Healthy", { status: { phase: "Active" } }],
  ["terminating", "Progressing", { status: { phase: "Terminating" } }],
]);
const waiting = (reason: string): object => ({
  containerStatuses: [{ name: "c", state: { waiting: { reason, message: "why" } } }],
});
const ended = (terminated: object): object => ({
  phase: "Failed",
  containerStatuses: [{ name: "c", state: { terminated } }],
});
rules("v1", "Pod", [
  [
    "cannot pull",
    "Degraded",
    { spec: {}, status: { phase: "Pending", ...waiting("ErrImagePull") } },
  ],
  [
    "config error",
    "Degraded",
    { spec: {}, status: { phase: "Pending", ...waiting("CreateContainerConfigError") } },
  ],
  [
    "crash loop",
    "Degraded",
    { spec: {}, status: { phase: "Running", ...waiting("CrashLoopBackOff") } },
  ],
  [
    "crash loop of one that may end",
    "Progressing",
    {
      spec: { restartPolicy: "OnFailure" },
      status: { phase: "Running", ...waiting("CrashLoopBackOff") },
    },
  ],
  [
    "starting",
    "Progressing",
    { spec: {}, status: { phase: "Pending", ...waiting("ContainerCreating") } },
  ],
  ["pending", "Progressing", { spec: {}, status: { phase: "Pending" } }],
  ["succeeded", "Healthy", { spec: {}, status: { phase: "Succeeded" } }],
  ["failed", "Degraded", { spec: {}, status: ended({ exitCode: 3 }) }],
  [
    "ready",
    "Healthy",
    { spec: {}, status: { phase: "Running", conditions: [condition("Ready", "True")] } },
  ],
  ["not ready yet", "Progressing", { spec: {}, status: { phase: "Running" } }],
  [
    "restarted and not ready",
    "Degraded",
    {
      spec: {},
      status: {
        phase: "Running",
        containerStatuses: [{ name: "c", lastState: { terminated: { exitCode: 1 } } }],
      },
    },
  ],
  [
    "running to an end",
    "Progressing",
    { spec: { restartPolicy: "Never" }, status: { phase: "Running" } },
  ],
]);
rules("apiextensions.k8s.io/v1", "CustomResourceDefinition", [
  ["new", "Progressing", {}],
  ["terminating", "Progressing", { status: { conditions: [condition("Terminating", "True")] } }],
  ["name taken", "Degraded", { status: { conditions: [condition("NamesAccepted", "False")] } }],
  [
    "schema not structural",
    "Degraded",
    { status: { conditions: [condition("NonStructuralSchema", "True")] } },
  ],
  [
    "installing",
    "Progressing",
    { status: { conditions: [condition("Established", "False", "Installing")] } },
  ],
  ["not established", "Degraded", { status: { conditions: [condition("Established", "False")] } }],
  ["established", "Healthy", { status: { conditions: [condition("Established", "True")] } }],
]);
rules("policy/v1", "PodDisruptionBudget", [
  [
    "too few pods",
    "Healthy",
    { status: { conditions: [condition("DisruptionAllowed", "False", "InsufficientPods")] } },
  ],
  [
    "cannot be computed",
    "Degraded",
    {
      status: {
        conditions: [{ ...condition("DisruptionAllowed", "False", "SyncFailed"), message: "why" }],
      },
    },
  ],
]);
rules("autoscaling/v2", "HorizontalPodAutoscaler", [
  ["new", "Progressing", {}],
  [
    "cannot scale",
    "Degraded",
    { status: { conditions: [condition("AbleToScale", "False", "FailedGetScale")] } },
  ],
  [
    "no metric",
    "Degraded",
    { status: { conditions: [condition("ScalingActive", "False", "FailedGetResourceMetric")] } },
  ],
  ["scaling", "Healthy", { status: { conditions: [condition("AbleToScale", "True")] } }],
]);
rules("gantry.dev/v1", "Application", [
  ["not looked at yet", "Progressing", {}],
  [
    "as healthy as it says",
    "Degraded",
    { status: { health: { status: "Degraded", message: "why" } } },
  ],
]);

describe("every kind", () => {
  test("being deleted is Progressing", () => {
    const metadata = { deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(healthOf(object("v1", "ConfigMap", { metadata }))?.status).toBe("Progressing");
  });
  test("being deleted while a hook's end is awaited is judged as ever", () => {
    const metadata = {
      deletionTimestamp: "2026-01-01T00:00:00Z",
      finalizers: ["argocd.argoproj.io/hook-finalizer"],
    };
    const status = { conditions: [condition("Complete", "True")] };
    expect(healthOf(object("batch/v1", "Job", { metadata, status } as object))?.status).toBe(
      "Healthy",
    );
  });
  test("without a rule has no health", () => {
    expect(healthOf(object("v1", "ConfigMap", {}))).toBeUndefined();
    expect(healthOf(object("example.com/v1", "Deployment", {}))).toBeUndefined();
  });
  test("can be left out by annotation", () => {
    const metadata = { annotations: { "argocd.argoproj.io/ignore-healthcheck": "true" } };
    expect(healthOf(object("batch/v1", "Job", { metadata }))).toBeUndefined();
  });
});

test("the worst of several counts", () => {
  const states = ["Progressing", "Healthy", "Degraded", "Missing"] as const;
  expect(worstOf(states.map((status) => ({ status }))).status).toBe("Degraded");
  expect(worstOf([])).toBe(HEALTHY);
  expect(worstOf([{ status: "Suspended" }, { status: "Progressing" }]).status).toBe("Progressing");
  expect(worstOf([{ status: "Degraded" }, { status: "Unknown" }]).status).toBe("Unknown");
});
