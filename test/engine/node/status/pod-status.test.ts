import type { PodStatus } from "kubernetes-types/core/v1";
import { describe, expect, it } from "vitest";
import { type ContainerView, UNSEEN } from "../../../../src/engine/node/pod/container-view.ts";
import { podStatus, type PodStatusInputs } from "../../../../src/engine/node/status/pod-status.ts";
import { findCondition } from "../../../../src/kube/conditions.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";

const NOW = Date.UTC(2026, 0, 1, 0, 0, 30);
const run = (overrides: Partial<NonNullable<ContainerView["current"]>> = {}) => ({
  id: "process://1",
  podUid: "uid-1",
  name: "web",
  attempt: 0,
  state: "running" as const,
  startedAtMs: Date.UTC(2026, 0, 1),
  ...overrides,
});
const running: ContainerView = {
  current: run(),
  isStarting: false,
  isStarted: true,
  isReady: true,
};
const exited = (
  exitCode: number | undefined,
  extra: Partial<ContainerView> = {},
): ContainerView => ({
  current: run({
    state: "exited",
    finishedAtMs: Date.UTC(2026, 0, 1, 0, 0, 9),
    ...(exitCode === undefined ? {} : { exitCode }),
  }),
  isStarting: false,
  isStarted: false,
  isReady: false,
  ...extra,
});

function statusOf(
  views: Readonly<Record<string, ContainerView>>,
  overrides: Partial<Omit<PodStatusInputs, "pod">> & { readonly spec?: Partial<Pod["spec"]> } = {},
): PodStatus {
  const { spec, ...inputs } = overrides;
  const containers = Object.keys(views)
    .filter((name) => !spec?.initContainers?.some((container) => container.name === name))
    .map((name) => ({ name, image: "example/web:1" }));
  return podStatus({
    pod: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name: "web-0", uid: "uid-1" },
      spec: { containers, ...spec },
    },
    previous: {},
    viewOf: (name) => views[name] ?? UNSEEN,
    hostIP: "192.0.2.1",
    podIP: "127.0.0.1",
    startedAtMs: NOW,
    nowMs: NOW,
    isStopped: false,
    ...inputs,
  });
}

describe("phase", () => {
  const init = { spec: { initContainers: [{ name: "init" }] } };
  const never = { spec: { restartPolicy: "Never" } };
  const onFailure = { spec: { restartPolicy: "OnFailure" } };
  it.each<[string, string, Record<string, ContainerView>, Parameters<typeof statusOf>[1]]>([
    ["Pending", "nothing started", { a: UNSEEN }, {}],
    ["Pending", "some started", { a: running, b: UNSEEN }, {}],
    ["Pending", "an init container runs", { init: running, a: UNSEEN }, init],
    ["Pending", "an init container is to be repeated", { init: exited(1), a: UNSEEN }, init],
    ["Running", "all run", { init: exited(0), a: running }, init],
    ["Running", "one crashed and is restarted", { a: exited(1), b: running }, {}],
    ["Running", "all crashed and are restarted", { a: exited(1) }, {}],
    ["Running", "a success is restarted", { a: exited(0) }, {}],
    ["Running", "a failure is restarted", { a: exited(1) }, onFailure],
    ["Succeeded", "a success stays", { a: exited(0) }, onFailure],
    ["Running", "one of two has ended for good", { a: exited(0), b: running }, never],
    ["Succeeded", "all have succeeded for good", { a: exited(0), b: exited(0) }, never],
    ["Failed", "one has failed for good", { a: exited(0), b: exited(2) }, never],
    ["Failed", "nobody saw how it ended", { a: exited(undefined) }, never],
    [
      "Failed",
      "an init container failed for good",
      { init: exited(1), a: UNSEEN },
      { spec: { ...init.spec, ...never.spec } },
    ],
    ["Failed", "stopped with failures", { a: exited(143) }, { isStopped: true }],
    ["Succeeded", "stopped and all ended well", { a: exited(0) }, { isStopped: true }],
    ["Failed", "stopped before it started", { a: UNSEEN }, { isStopped: true }],
    ["Succeeded", "it was so before", { a: running }, { previous: { phase: "Succeeded" } }],
  ])("is %s when %s", (phase, _when, views, overrides) => {
    expect(statusOf(views, overrides).phase).toBe(phase);
  });
});

describe("containerStatuses", () => {
  const only = (view: ContainerView) => statusOf({ web: view }).containerStatuses?.[0];
  it("tell a run", () => {
    expect(only(running)).toEqual({
      name: "web",
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
      ready: true,
      started: true,
      restartCount: 0,
      image: "example/web:1",
      imageID: "example/web:1",
      containerID: "process://1",
    });
  });
  it.each([
    [0, "Completed"],
    [1, "Error"],
    [137, "Error"],
  ])("tell an end with code %i", (exitCode, reason) => {
    expect(only(exited(exitCode, { message: "bye" }))?.state).toEqual({
      terminated: {
        exitCode,
        reason,
        message: "bye",
        startedAt: "2026-01-01T00:00:00Z",
        finishedAt: "2026-01-01T00:00:09Z",
        containerID: "process://1",
      },
    });
  });
  it("tell an end that nobody saw, and one for want of memory", () => {
    expect(only(exited(undefined))?.state?.terminated).toMatchObject({
      exitCode: 137,
      reason: "ContainerStatusUnknown",
    });
    const oom = exited(137);
    const killed = { ...oom, current: { ...run(), ...oom.current, oomKilled: true } };
    expect(only(killed)?.state?.terminated?.reason).toBe("OOMKilled");
  });
  it("tell the run before", () => {
    const view = {
      ...running,
      current: run({ attempt: 1 }),
      previous: run({ state: "exited", exitCode: 3 }),
    };
    expect(only(view)).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 3 } },
    });
  });
  it("make the run that ended the last state while waiting for a restart", () => {
    const status = only(
      exited(3, { waiting: { reason: "CrashLoopBackOff", message: "back-off" } }),
    );
    expect(status).toMatchObject({
      state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
      lastState: { terminated: { exitCode: 3 } },
    });
  });
});

describe("conditions", () => {
  it("keep the time of their last change", () => {
    const before = statusOf({ web: running });
    const same = statusOf({ web: running }, { previous: before, nowMs: NOW + 60_000 });
    expect(same).toEqual(before);
    const unready = statusOf(
      { web: { ...running, isReady: false } },
      { previous: before, nowMs: NOW + 60_000 },
    );
    expect(findCondition(unready.conditions, "Ready")?.lastTransitionTime).toBe(
      "2026-01-01T00:01:30Z",
    );
    expect(findCondition(unready.conditions, "Initialized")?.lastTransitionTime).toBe(
      "2026-01-01T00:00:30Z",
    );
  });
  it("say whether there is a sandbox, and whether proxies route to the pod", () => {
    const { podIP: _, ...withoutIP } = { podIP: "" };
    expect(
      findCondition(statusOf({ web: running }).conditions, "PodReadyToStartContainers")?.status,
    ).toBe("True");
    const stopped = statusOf({ web: exited(0) }, { ...withoutIP, isStopped: true });
    expect(findCondition(stopped.conditions, "PodReadyToStartContainers")?.status).toBe("False");
    expect(
      findCondition(statusOf({ web: running }).conditions, "gantry.dev/Routed"),
    ).toBeUndefined();
    const routed = statusOf({ web: running }, { isRouted: true });
    expect(findCondition(routed.conditions, "gantry.dev/Routed")?.status).toBe("True");
  });
  it("count sidecars among what must be ready", () => {
    const initContainers = [{ name: "proxy", restartPolicy: "Always" }];
    const { conditions } = statusOf(
      { proxy: { ...running, isReady: false }, web: running },
      { spec: { initContainers } },
    );
    expect(findCondition(conditions, "Ready")).toMatchObject({
      status: "False",
      message: "containers with unready status: [proxy]",
    });
  });
});
