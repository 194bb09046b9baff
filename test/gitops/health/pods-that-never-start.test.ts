/** Workloads whose pods cannot become healthy are Degraded before their controllers say so. */
import type { Pod } from "kubernetes-types/core/v1";
import { describe, expect, it } from "vitest";
import { podTrouble, UNSCHEDULABLE_AFTER_MS } from "../../../src/gitops/health/pod-trouble.ts";
import { healthOf } from "../../../src/gitops/health/rules.ts";
import type { Live } from "../../../src/kube/object.ts";
import { liveObject } from "./live-object.ts";

function pod(status: object, fields: Record<string, unknown> = {}): Live<Pod> {
  return liveObject("v1", "Pod", { spec: {}, ...fields, status }) as Live<Pod>;
}
const waiting = (reason: string, more: object = {}): object => ({
  phase: "Pending",
  containerStatuses: [{ name: "web", restartCount: 0, state: { waiting: { reason, ...more } } }],
});
const crashing = (terminated: object): object => ({
  phase: "Running",
  containerStatuses: [
    {
      name: "web",
      restartCount: 4,
      state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s" } },
      lastState: { terminated },
    },
  ],
});
const unschedulable = {
  phase: "Pending",
  conditions: [
    {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message: "0/3 nodes are available",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ],
};
const sinceMs = Date.parse("2026-01-01T00:00:00Z");

const deployment = liveObject("apps/v1", "Deployment", {
  spec: { replicas: 2 },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 1 },
});

describe("a pod that will not become healthy says why", () => {
  it.each([
    ["ErrImagePull", { message: "not found" }, "container web: ErrImagePull: not found"],
    ["ImagePullBackOff", {}, "container web: ImagePullBackOff"],
    ["InvalidImageName", {}, "container web: InvalidImageName"],
    ["ErrImageNeverPull", {}, "container web: ErrImageNeverPull"],
    [
      "CreateContainerConfigError",
      { message: 'secret "db" not found' },
      'container web: CreateContainerConfigError: secret "db" not found',
    ],
    ["RunContainerError", {}, "container web: RunContainerError"],
  ])("%s", (reason, more, message) => {
    expect(podTrouble(pod(waiting(reason, more)))).toEqual({ reason, message, container: "web" });
    // Waiting mends none of these, whatever the restart policy.
    for (const restartPolicy of ["Always", "OnFailure", "Never"])
      expect(healthOf(pod(waiting(reason, more), { spec: { restartPolicy } }))).toEqual({
        status: "Degraded",
        message,
      });
  });

  it("crash loop: with the exit code and how often", () => {
    expect(podTrouble(pod(crashing({ exitCode: 3 })))?.message).toBe(
      "container web: CrashLoopBackOff: ended with exit code 3, restarted 4 times",
    );
    expect(podTrouble(pod(crashing({ exitCode: 137, reason: "OOMKilled" })))?.message).toBe(
      "container web: CrashLoopBackOff: ran out of memory (exit code 137), restarted 4 times",
    );
  });

  it("fits no node for longer than it takes to find one", () => {
    const stuck = pod(unschedulable);
    expect(healthOf(stuck, { nowMs: sinceMs + UNSCHEDULABLE_AFTER_MS - 1 })?.status).toBe(
      "Progressing",
    );
    expect(healthOf(stuck, { nowMs: sinceMs + UNSCHEDULABLE_AFTER_MS })).toEqual({
      status: "Degraded",
      message: "no node takes the pod: 0/3 nodes are available",
    });
    expect(healthOf(stuck)?.status).toBe("Progressing");
  });

  it("not while it is only starting", () => {
    for (const reason of ["ContainerCreating", "PodInitializing"])
      expect(podTrouble(pod(waiting(reason)))).toBeUndefined();
  });

  it("long messages of containers are cut", () => {
    const message = podTrouble(pod(waiting("ErrImagePull", { message: "x".repeat(10_000) })));
    expect(message?.message.length).toBeLessThan(400);
  });
});

describe("a pod that may end", () => {
  const status = crashing({ exitCode: 1 });
  it("is judged as one that runs for ever where it asks for that, unless it is a hook", () => {
    const spec = { restartPolicy: "OnFailure" };
    const asks = { "argocd.argoproj.io/ignore-restart-policy": "true" };
    const judge = (annotations: object): string | undefined =>
      healthOf(pod(status, { spec, metadata: { annotations } }))?.status;
    expect(judge({})).toBe("Progressing");
    expect(judge(asks)).toBe("Degraded");
    expect(judge({ ...asks, "argocd.argoproj.io/hook": "PreSync" })).toBe("Progressing");
    expect(judge({ ...asks, "helm.sh/hook": "pre-install" })).toBe("Progressing");
  });
});

describe("a workload whose pods will not become healthy", () => {
  const broken = pod(waiting("ImagePullBackOff"));
  it("is Degraded, with the pod and the reason", () => {
    expect(healthOf(deployment)?.status).toBe("Progressing");
    expect(healthOf(deployment, { podsOf: () => [pod({ phase: "Running" }), broken] })).toEqual({
      status: "Degraded",
      message: "pod x: container web: ImagePullBackOff",
    });
  });

  it("is not judged by pods that are being deleted", () => {
    const going = { ...broken, metadata: { ...broken.metadata, deletionTimestamp: "2026-01-01" } };
    expect(healthOf(deployment, { podsOf: () => [going] })?.status).toBe("Progressing");
  });

  it("stays Healthy while it has what it needs", () => {
    const ready = liveObject("apps/v1", "Deployment", {
      spec: { replicas: 0 },
      status: { observedGeneration: 1 },
    });
    expect(healthOf(ready, { podsOf: () => [broken] })).toEqual({ status: "Healthy" });
  });

  it.each(["ReplicaSet", "StatefulSet", "DaemonSet"])("%s", (kind) => {
    const workload = liveObject("apps/v1", kind, {
      spec: { replicas: 1 },
      status: { observedGeneration: 1, desiredNumberScheduled: 1 },
    });
    expect(healthOf(workload, { podsOf: () => [broken] })?.status).toBe("Degraded");
  });

  it("a Job as well", () => {
    const job = liveObject("batch/v1", "Job", { status: { active: 1 } });
    expect(healthOf(job, { podsOf: () => [broken] })?.status).toBe("Degraded");
  });
});

describe("a claim that waits for its first pod", () => {
  const claim = (fields: Record<string, unknown> = {}): ReturnType<typeof liveObject> =>
    liveObject("v1", "PersistentVolumeClaim", {
      spec: { storageClassName: "local" },
      status: { phase: "Pending" },
      ...fields,
    });
  const storageClassOf = (name: string | undefined): never =>
    ({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: name ?? "standard" },
      volumeBindingMode: name === "fast" ? "Immediate" : "WaitForFirstConsumer",
    }) as never;

  it("does not hold up the wave that the pod comes after", () => {
    expect(healthOf(claim(), { storageClassOf })?.status).toBe("Healthy");
    expect(healthOf(claim({ spec: {} }), { storageClassOf })?.status).toBe("Healthy");
  });
  it.each<[string, Record<string, unknown>]>([
    ["its class binds at once", { spec: { storageClassName: "fast" } }],
    ["it wants no class", { spec: { storageClassName: "" } }],
    ["it names its volume", { spec: { storageClassName: "local", volumeName: "v" } }],
    [
      "a pod has come",
      { metadata: { annotations: { "volume.kubernetes.io/selected-node": "n" } } },
    ],
  ])("is waited for when %s", (_why, fields) => {
    expect(healthOf(claim(fields), { storageClassOf })?.status).toBe("Progressing");
  });
  it("is waited for when nobody knows its class", () => {
    expect(healthOf(claim())?.status).toBe("Progressing");
    expect(healthOf(claim(), { storageClassOf: () => undefined })?.status).toBe("Progressing");
  });
});
