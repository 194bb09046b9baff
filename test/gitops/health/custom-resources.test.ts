/** Custom resources by the conditions that their controllers report. */
import { describe, expect, it } from "vitest";
import { healthOf } from "../../../src/gitops/health/rules.ts";
import { liveObject } from "./live-object.ts";

const condition = (type: string, status: string, reason = "", message = ""): object => ({
  type,
  status,
  reason,
  message,
});
const custom = (conditions: readonly object[], more: object = {}): string | undefined =>
  healthOf(liveObject("example.com/v1", "Thing", { status: { conditions, ...more } }))?.status;

describe("conditions", () => {
  it.each<[string, string | undefined, readonly object[]]>([
    ["ready", "Healthy", [condition("Ready", "True")]],
    ["not ready", "Progressing", [condition("Ready", "False", "Waiting")]],
    ["nobody knows", "Progressing", [condition("Ready", "Unknown")]],
    ["stalled", "Degraded", [condition("Ready", "False"), condition("Stalled", "True")]],
    ["at work", "Progressing", [condition("Ready", "True"), condition("Reconciling", "True")]],
    ["available", "Healthy", [condition("Available", "True")]],
    ["failed", "Degraded", [condition("Failed", "True"), condition("Ready", "True")]],
    ["degraded", "Degraded", [condition("Available", "True"), condition("Degraded", "True")]],
    ["refused", "Degraded", [condition("Accepted", "False", "Invalid")]],
    ["programmed", "Healthy", [condition("Accepted", "True"), condition("Programmed", "True")]],
    ["given up", "Degraded", [condition("Progressing", "False", "ProgressDeadlineExceeded")]],
    ["conditions that tell nothing", undefined, [condition("Whatever", "True")]],
    ["no condition", undefined, []],
    ["odd conditions", undefined, [null as never, { type: 3 }, "Ready"] as never],
  ])("%s: %s", (_what, status, conditions) => {
    expect(custom(conditions)).toBe(status);
  });

  it("count only for the newest generation", () => {
    expect(custom([condition("Ready", "True")], { observedGeneration: 0 })).toBe("Progressing");
    expect(custom([condition("Ready", "True")], { observedGeneration: 1 })).toBe("Healthy");
  });

  it("say why", () => {
    const object = liveObject("example.com/v1", "Thing", {
      status: { conditions: [condition("Stalled", "True", "Bad", "no such bucket")] },
    });
    expect(healthOf(object)?.message).toBe("Stalled is True: no such bucket");
  });

  it("count for kinds of the Gateway API, not for others of Kubernetes", () => {
    const status = { conditions: [condition("Accepted", "False", "Invalid")] };
    const gateway = "gateway.networking.k8s.io/v1";
    expect(healthOf(liveObject(gateway, "Gateway", { status }))?.status).toBe("Degraded");
    expect(healthOf(liveObject("node.k8s.io/v1", "RuntimeClass", { status }))).toBeUndefined();
  });

  it("of a suspended object do not matter", () => {
    const status = { conditions: [condition("Ready", "False")] };
    const object = liveObject("example.com/v1", "Thing", { spec: { suspend: true }, status });
    expect(healthOf(object)?.status).toBe("Suspended");
  });
});

describe("Rollout of Argo Rollouts", () => {
  it.each<[string, string, object]>([
    ["healthy", "Healthy", { status: { phase: "Healthy", observedGeneration: "1" } }],
    ["paused", "Suspended", { status: { phase: "Paused", observedGeneration: "1" } }],
    ["degraded", "Degraded", { status: { phase: "Degraded", observedGeneration: "1" } }],
    ["new", "Progressing", {}],
    ["stale", "Progressing", { status: { phase: "Healthy", observedGeneration: "0" } }],
    [
      "invalid",
      "Degraded",
      {
        status: {
          observedGeneration: "1",
          conditions: [condition("InvalidSpec", "True", "", "why")],
        },
      },
    ],
  ])("%s: %s", (_what, status, fields) => {
    const object = liveObject("argoproj.io/v1alpha1", "Rollout", { ...fields });
    expect(healthOf(object)?.status).toBe(status);
  });
});

describe("kinds of Kubernetes that are rarely seen", () => {
  it.each<[string, string, string, string, object]>([
    ["v1", "ReplicationController", "not seen", "Progressing", { spec: { replicas: 0 } }],
    [
      "v1",
      "ReplicationController",
      "too few",
      "Progressing",
      { spec: { replicas: 2 }, status: { observedGeneration: 1, availableReplicas: 1 } },
    ],
    [
      "v1",
      "ReplicationController",
      "enough",
      "Healthy",
      { spec: { replicas: 2 }, status: { observedGeneration: 1, availableReplicas: 2 } },
    ],
    [
      "v1",
      "ReplicationController",
      "cannot create",
      "Degraded",
      { status: { observedGeneration: 1, conditions: [condition("ReplicaFailure", "True")] } },
    ],
    ["apiregistration.k8s.io/v1", "APIService", "new", "Progressing", {}],
    [
      "apiregistration.k8s.io/v1",
      "APIService",
      "available",
      "Healthy",
      { status: { conditions: [condition("Available", "True")] } },
    ],
    [
      "apiregistration.k8s.io/v1",
      "APIService",
      "not available",
      "Progressing",
      { status: { conditions: [condition("Available", "False", "MissingEndpoints")] } },
    ],
    [
      "autoscaling/v1",
      "HorizontalPodAutoscaler",
      "conditions in its annotation",
      "Degraded",
      {
        metadata: {
          annotations: {
            "autoscaling.alpha.kubernetes.io/conditions": JSON.stringify([
              condition("AbleToScale", "False", "FailedGetScale"),
            ]),
          },
        },
      },
    ],
    [
      "autoscaling/v1",
      "HorizontalPodAutoscaler",
      "nonsense in its annotation",
      "Progressing",
      { metadata: { annotations: { "autoscaling.alpha.kubernetes.io/conditions": "{]" } } },
    ],
  ])("%s %s, %s: %s", (apiVersion, kind, _what, status, fields) => {
    expect(healthOf(liveObject(apiVersion, kind, { ...fields }))?.status).toBe(status);
  });
});
