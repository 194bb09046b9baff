import { describe, expect, test } from "vitest";
import {
  automaticRollback,
  type RollbackFacts,
} from "../../../src/gitops/gates/automatic-rollback.ts";
import type {
  Application,
  ApplicationStatus,
  SyncPolicy,
} from "../../../src/kube/kinds/application.ts";

const GOOD = "1".repeat(40);
const BAD = "2".repeat(40);
const SYNCED = "2026-07-01T12:00:00Z";
const after = (seconds: number): number => Date.parse(SYNCED) + seconds * 1_000;
const entry = (id: number, revision: string, deployedAt = SYNCED) => ({ id, revision, deployedAt });
const STATUS: ApplicationStatus = {
  sync: { status: "Synced", revision: BAD },
  health: { status: "Progressing", message: "Deployment/web: 0 of 1 available" },
  history: [entry(1, GOOD, "2026-07-01T11:00:00Z"), entry(2, BAD)],
  lastHealthy: { revision: GOOD, specHash: "x" },
};
function verdict(
  status: Partial<ApplicationStatus> = {},
  options: Partial<RollbackFacts> & {
    policy?: SyncPolicy["automaticRollback"] | null;
    suspend?: boolean;
  } = {},
) {
  const { policy = {}, suspend = false, ...facts } = options;
  const application = {
    spec: { suspend, syncPolicy: policy === null ? {} : { automaticRollback: policy } },
  } as unknown as Application;
  return automaticRollback({
    application,
    status: { ...STATUS, ...status },
    commit: { id: BAD },
    gaveUp: false,
    nowMs: after(300),
    ...facts,
  });
}

describe("a new revision that does not become healthy", () => {
  test("is gone back from when its time is over, five minutes by default", () => {
    expect(verdict({}, { nowMs: after(299) })).toEqual({ act: "none", lookAgainMs: 1_000 });
    expect(verdict()).toEqual({
      act: "rollBack",
      rollback: {
        revision: GOOD,
        insteadOf: BAD,
        automatic: true,
        since: "2026-07-01T12:05:00Z",
        reason:
          "222222222222 is not healthy after 300 s: Progressing (Deployment/web: 0 of 1 available)",
      },
    });
  });

  test("the time can be set", () => {
    const policy = { timeout: "30s" };
    expect(verdict({}, { policy, nowMs: after(29) })).toEqual({ act: "none", lookAgainMs: 1_000 });
    expect(verdict({}, { policy, nowMs: after(30) })).toMatchObject({ act: "rollBack" });
  });

  test("is gone back from at once when it can never become healthy", () => {
    expect(
      verdict(
        { health: { status: "Degraded", message: "Pod/x: ImagePullBackOff" } },
        { nowMs: after(1) },
      ),
    ).toMatchObject({
      act: "rollBack",
      rollback: { reason: "222222222222 became Degraded (Pod/x: ImagePullBackOff)" },
    });
  });

  test("what was not healthy before may be so for other reasons: it gets its time", () => {
    const history = [entry(1, GOOD), entry(2, "3".repeat(40)), entry(3, BAD)];
    const health = { status: "Degraded" };
    expect(verdict({ history, health }, { nowMs: after(1) })).toMatchObject({ act: "none" });
    expect(verdict({ history, health })).toMatchObject({ act: "rollBack" });
  });

  test("one that cannot be synced, too, once that is given up", () => {
    const history = [entry(1, GOOD)];
    const operationState = {
      phase: "Failed" as const,
      startedAt: SYNCED,
      message: "1 of 2 objects failed",
    };
    expect(verdict({ history, operationState })).toEqual({ act: "none" });
    expect(verdict({ history, operationState }, { gaveUp: true })).toMatchObject({
      act: "rollBack",
      rollback: { reason: "222222222222 cannot be synced: 1 of 2 objects failed" },
    });
  });

  describe("while health is waited for in the middle of a sync", () => {
    const during = (unhealthySince: string, nowMs: number) =>
      verdict(
        {
          history: [entry(1, GOOD)],
          unhealthySince,
          operationState: {
            phase: "Running",
            startedAt: SYNCED,
            syncResult: { revision: BAD },
          },
        },
        { nowMs },
      );

    test("time counts from where it went bad, not from the beginning: hooks run before", () => {
      const bad = "2026-07-01T12:10:00Z";
      expect(during(bad, after(899))).toEqual({ act: "none", lookAgainMs: 1_000 });
      expect(during(bad, after(900))).toMatchObject({ act: "rollBack" });
    });

    test("what was bad before may be about to be mended", () => {
      expect(during("2026-07-01T11:59:00Z", after(900))).toEqual({ act: "none" });
    });
  });
});

describe("nothing is gone back from", () => {
  test.each<[string, Partial<ApplicationStatus>, Parameters<typeof verdict>[1]]>([
    ["without the policy", {}, { policy: null }],
    ["while it is suspended", {}, { suspend: true }],
    ["when it is healthy", { health: { status: "Healthy" } }, {}],
    ["when somebody paused it", { health: { status: "Suspended" } }, {}],
    ["when it has been healthy before", { lastHealthy: { revision: BAD, specHash: "x" } }, {}],
    [
      "when it was gone back to itself",
      { rollback: { revision: BAD, insteadOf: "3".repeat(40) } },
      {},
    ],
    ["when it has not been synced yet", { history: [entry(1, GOOD)] }, {}],
    [
      "when a failed attempt is all there is",
      { history: [entry(1, GOOD), { ...entry(2, BAD), outcome: "Failed" }] },
      {},
    ],
  ])("%s", (_name, status, options) => {
    expect(verdict(status, options)).toEqual({ act: "none" });
  });

  test("when there is nothing to go back to, and that is said", () => {
    const { lastHealthy: _none, ...status } = STATUS;
    const application = {
      spec: { syncPolicy: { automaticRollback: {} } },
    } as unknown as Application;
    expect(
      automaticRollback({
        application,
        status,
        commit: { id: BAD },
        gaveUp: false,
        nowMs: after(300),
      }),
    ).toEqual({
      act: "stay",
      message:
        "is not healthy after 300 s: Progressing (Deployment/web: 0 of 1 available); there is no healthy revision to go back to",
    });
  });
});
