/** `kubectl get pods -o wide`, in the states that people know from it. */
import { describe, expect, test } from "vitest";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { cells, type Draft, draft } from "./checked.ts";

const created = "2025-12-31T23:57:00Z";
const spec = { containers: [{ name: "app", image: "web:1" }] };
const running = { running: { startedAt: created } };
const ready = { name: "app", ready: true, restartCount: 0, state: running };

function pod(status: Draft, rest: { spec?: Draft; metadata?: Draft } = {}): Pod {
  return draft(pods, {
    metadata: { creationTimestamp: created, ...rest.metadata },
    spec: { ...spec, ...rest.spec },
    status,
  });
}
function line(object: Pod): string {
  const { Ready, Status, Restarts } = cells(pods, object);
  return `${Ready} ${Status} ${Restarts}`;
}
const terminated = (fields: Draft) => ({
  name: "app",
  ready: false,
  restartCount: 0,
  state: { terminated: fields },
});
const waiting = (reason: string) => ({
  name: "app",
  ready: false,
  restartCount: 0,
  state: { waiting: { reason } },
});
const init = { spec: { initContainers: [{ name: "i1" }, { name: "i2" }] } };
const sidecar = { spec: { initContainers: [{ name: "proxy", restartPolicy: "Always" }] } };
const going = { metadata: { deletionTimestamp: "2026-01-01T00:00:30Z" } };

const states: [what: string, object: Pod, expected: string][] = [
  ["not scheduled yet", pod({ phase: "Pending" }), "0/1 Pending 0"],
  [
    "held back by a gate",
    pod({
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
    }),
    "0/1 SchedulingGated 0",
  ],
  [
    "creating",
    pod({ phase: "Pending", containerStatuses: [waiting("ContainerCreating")] }),
    "0/1 ContainerCreating 0",
  ],
  ["running and ready", pod({ phase: "Running", containerStatuses: [ready] }), "1/1 Running 0"],
  [
    "running, not ready",
    pod({ phase: "Running", containerStatuses: [{ ...ready, ready: false }] }),
    "0/1 Running 0",
  ],
  [
    "crashing, with the time of the last restart",
    pod({
      phase: "Running",
      containerStatuses: [
        {
          ...waiting("CrashLoopBackOff"),
          restartCount: 3,
          lastState: { terminated: { exitCode: 1, finishedAt: "2025-12-31T23:58:00Z" } },
        },
      ],
    }),
    "0/1 CrashLoopBackOff 3 (2m ago)",
  ],
  [
    "restarted, time unknown",
    pod({ phase: "Running", containerStatuses: [{ ...ready, restartCount: 2 }] }),
    "1/1 Running 2",
  ],
  [
    "done",
    pod({
      phase: "Succeeded",
      containerStatuses: [terminated({ exitCode: 0, reason: "Completed" })],
    }),
    "0/1 Completed 0",
  ],
  [
    "failed",
    pod({ phase: "Failed", containerStatuses: [terminated({ exitCode: 2, reason: "Error" })] }),
    "0/1 Error 0",
  ],
  [
    "ended without a reason",
    pod({ phase: "Failed", containerStatuses: [terminated({ exitCode: 2 })] }),
    "0/1 ExitCode:2 0",
  ],
  [
    "killed without a reason",
    pod({ phase: "Failed", containerStatuses: [terminated({ exitCode: 137, signal: 9 })] }),
    "0/1 Signal:9 0",
  ],
  ["evicted", pod({ phase: "Failed", reason: "Evicted" }), "0/1 Evicted 0"],
  [
    "one container done, another still running and the pod ready",
    pod({
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [
        terminated({ exitCode: 0, reason: "Completed" }),
        { ...ready, name: "b" },
      ],
    }),
    "1/1 Running 0",
  ],
  [
    "the same, not ready",
    pod({
      phase: "Running",
      containerStatuses: [
        terminated({ exitCode: 0, reason: "Completed" }),
        { ...ready, name: "b" },
      ],
    }),
    "1/1 NotReady 0",
  ],
  [
    "the first container's reason wins",
    pod({
      phase: "Running",
      containerStatuses: [waiting("CrashLoopBackOff"), { ...waiting("ErrImagePull"), name: "b" }],
    }),
    "0/1 CrashLoopBackOff 0",
  ],
  [
    "terminating",
    pod({ phase: "Running", containerStatuses: [ready] }, going),
    "1/1 Terminating 0",
  ],
  ["deleted after it was done", pod({ phase: "Succeeded" }, going), "0/1 Succeeded 0"],
  [
    "on a lost node",
    pod({ phase: "Running", reason: "NodeLost", containerStatuses: [ready] }, going),
    "1/1 Unknown 0",
  ],
  [
    "first of two init containers",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [{ name: "i1", ready: false, restartCount: 0, state: running }],
      },
      init,
    ),
    "0/1 Init:0/2 0",
  ],
  [
    "second of two init containers",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [
          {
            name: "i1",
            ready: true,
            restartCount: 1,
            state: { terminated: { exitCode: 0, reason: "Completed" } },
          },
          { name: "i2", ready: false, restartCount: 2, state: running },
        ],
      },
      init,
    ),
    "0/1 Init:1/2 3",
  ],
  [
    "init container failed",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [{ ...terminated({ exitCode: 1, reason: "Error" }), name: "i1" }],
      },
      init,
    ),
    "0/1 Init:Error 0",
  ],
  [
    "init container failed without a reason",
    pod(
      { phase: "Pending", initContainerStatuses: [{ ...terminated({ exitCode: 3 }), name: "i1" }] },
      init,
    ),
    "0/1 Init:ExitCode:3 0",
  ],
  [
    "init container killed",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [{ ...terminated({ exitCode: 137, signal: 9 }), name: "i1" }],
      },
      init,
    ),
    "0/1 Init:Signal:9 0",
  ],
  [
    "init container crashing",
    pod(
      { phase: "Pending", initContainerStatuses: [{ ...waiting("CrashLoopBackOff"), name: "i1" }] },
      init,
    ),
    "0/1 Init:CrashLoopBackOff 0",
  ],
  [
    "init container waiting its turn",
    pod(
      { phase: "Pending", initContainerStatuses: [{ ...waiting("PodInitializing"), name: "i1" }] },
      init,
    ),
    "0/1 Init:0/2 0",
  ],
  [
    "restarts of init containers no longer count once they are done",
    pod(
      {
        phase: "Running",
        initContainerStatuses: [
          { name: "i1", ready: true, restartCount: 5, state: { terminated: { exitCode: 0 } } },
        ],
        containerStatuses: [{ ...ready, restartCount: 1 }],
      },
      init,
    ),
    "1/1 Running 1",
  ],
  [
    "sidecars count as containers, with their restarts",
    pod(
      {
        phase: "Running",
        initContainerStatuses: [
          { name: "proxy", ready: true, started: true, restartCount: 2, state: running },
        ],
        containerStatuses: [ready],
      },
      sidecar,
    ),
    "2/2 Running 2",
  ],
  [
    "sidecar not started yet",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [
          { name: "proxy", ready: false, started: false, restartCount: 0, state: running },
        ],
      },
      sidecar,
    ),
    "0/2 Init:0/1 0",
  ],
];

describe("a pod that is", () => {
  test.each(states)("%s", (_what, object, expected) => {
    expect(line(object)).toBe(expected);
  });
});

test("the wide columns say where the pod is", () => {
  const object = pod(
    {
      phase: "Running",
      podIP: "10.0.0.1",
      podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }],
      nominatedNodeName: "n2",
      conditions: [{ type: "a.b/ok", status: "True" }],
    },
    {
      spec: {
        nodeName: "n1",
        readinessGates: [{ conditionType: "a.b/ok" }, { conditionType: "a.b/no" }],
      },
    },
  );
  expect(cells(pods, object)).toMatchObject({
    Name: "web",
    Age: "3m",
    IP: "10.0.0.1",
    Node: "n1",
    "Nominated Node": "n2",
    "Readiness Gates": "1/2",
  });
  expect(cells(pods, draft(pods, { spec }))).toMatchObject({
    Age: "<unknown>",
    IP: "<none>",
    Node: "<none>",
    "Nominated Node": "<none>",
    "Readiness Gates": "<none>",
  });
  const wide = pods.columns.filter(({ priority }) => priority === 1).map(({ name }) => name);
  expect(wide).toEqual(["IP", "Node", "Nominated Node", "Readiness Gates"]);
});
