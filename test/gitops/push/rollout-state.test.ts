import { describe, expect, test } from "vitest";
import { rolloutState } from "../../../src/gitops/push/rollout-state.ts";
import type { Application, ApplicationStatus } from "../../../src/kube/kinds/application.ts";

const [OLD, NEW, OTHER] = ["a".repeat(40), "b".repeat(40), "c".repeat(40)] as const;
const PUSHED = { commit: NEW, before: OLD };

function app(status: ApplicationStatus): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace: "default", name: "shop" },
    spec: { source: { repoURL: "gantry://default/shop.git" }, destination: {} },
    status,
  };
}
const operated = (phase: "Running" | "Succeeded" | "Failed" | "Error", message = "why") => ({
  operationState: { phase, message, startedAt: "", syncResult: { revision: NEW } },
});

describe("the rollout of a pushed commit", () => {
  test("waits while the Application has the old one, and says for what", () => {
    const sync = { status: "Synced", revision: OLD } as const;
    expect(rolloutState(app({ sync, health: { status: "Healthy" } }), PUSHED)).toEqual({
      kind: "waiting",
      why: undefined,
    });
    const conditions = [
      {
        type: "SyncWindow",
        status: "True",
        message: "until 6:00",
        reason: "x",
        lastTransitionTime: "",
      },
    ] as const;
    const held = app({ sync, conditions: [...conditions] });
    expect(rolloutState(held, PUSHED)).toEqual({ kind: "waiting", why: "until 6:00" });
  });

  test("goes on while it is applied, and while it is not healthy", () => {
    const sync = { status: "Synced", revision: NEW } as const;
    const healthy = { status: "Healthy" };
    const running = app({ sync, health: healthy, ...operated("Running") });
    expect(rolloutState(running, PUSHED)).toEqual({ kind: "progressing" });
    const progressing = app({ sync, health: { status: "Progressing" }, ...operated("Succeeded") });
    expect(rolloutState(progressing, PUSHED)).toEqual({ kind: "progressing" });
  });

  test("is done when all of it is in sync and healthy", () => {
    const sync = { status: "Synced", revision: NEW } as const;
    const status = { sync, health: { status: "Healthy" }, ...operated("Succeeded") };
    expect(rolloutState(app(status), PUSHED)).toEqual({ kind: "done" });
    const outOfSync = { ...status, sync: { ...sync, status: "OutOfSync" as const } };
    expect(rolloutState(app(outOfSync), PUSHED).kind).toBe("waiting");
  });

  test.each(["Failed", "Error"] as const)("fails with a sync that ended in %s", (phase) => {
    const sync = { status: "OutOfSync", revision: NEW } as const;
    expect(rolloutState(app({ sync, ...operated(phase) }), PUSHED)).toEqual({
      kind: "failed",
      why: "why",
    });
  });

  test("fails when it is degraded, and when it was rolled back", () => {
    const sync = { status: "Synced", revision: NEW } as const;
    const health = { status: "Degraded", message: "deployment/web: crash" };
    expect(rolloutState(app({ sync, health }), PUSHED)).toEqual({
      kind: "failed",
      why: "deployment/web: crash",
    });
    const rolledBack = app({
      sync: { status: "Synced", revision: OLD },
      health: { status: "Healthy" },
      rollback: { revision: OLD, insteadOf: NEW },
    });
    expect(rolloutState(rolledBack, PUSHED)).toEqual({
      kind: "failed",
      why: `it was rolled back to ${"a".repeat(10)}`,
    });
  });

  test("is over when a later commit came in between", () => {
    const sync = { status: "Synced", revision: OTHER } as const;
    expect(rolloutState(app({ sync }), PUSHED)).toEqual({ kind: "superseded", by: OTHER });
  });
});
