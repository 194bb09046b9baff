/** What the simulation does about one pod now: the status to write, or its removal, and when to look again. Pure. */
import type { PodStatus } from "kubernetes-types/core/v1";
import { parseTime } from "../../client/timestamps.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { ViewOf } from "../node/pod/container-view.ts";
import { effectiveGraceMs } from "../node/pod/pod-termination.ts";
import { allContainersOf, specOf } from "../node/pod-model.ts";
import { podStatus } from "../node/status/pod-status.ts";
import type { Behaviour } from "./behaviour.ts";
import { NOT_STARTED, viewOfRun } from "./container-run.ts";
import { advance, type PodRun, stopAll } from "./pod-run.ts";

export interface PodInputs {
  readonly pod: Pod;
  readonly run: PodRun;
  readonly behaviour: Behaviour;
  readonly hostIP: string;
  /** Undefined while no address is left: the pod waits. */
  readonly podIP: string | undefined;
  readonly nowMs: number;
}
export interface PodPlan {
  readonly run: PodRun;
  /** The whole status to write; absent when it is right. */
  readonly status?: PodStatus;
  /** Nothing of it runs any more: take the object away, after the status was written. */
  readonly remove?: true;
  readonly nextMs?: number;
}

export function planPod(inputs: PodInputs): PodPlan {
  const { pod, run, nowMs } = inputs;
  if (pod.metadata.deletionTimestamp !== undefined) return planEnd(inputs);
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return { run };
  const deadlineMs = deadlineOf(pod, nowMs);
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    const killed = stopAll(run, "killed", nowMs);
    return { run: killed, ...changed(inputs, killed, { failure: DEADLINE_EXCEEDED }) };
  }
  // Without an address there is no sandbox, and nothing starts.
  const next = inputs.podIP === undefined ? undefined : advance(pod, inputs.behaviour, run, nowMs);
  const dueMs = earliest(next?.nextMs, deadlineMs);
  return {
    run: next?.run ?? run,
    ...changed(inputs, next?.run ?? run, { viewOf: next?.viewOf }),
    ...(dueMs === undefined ? {} : { nextMs: dueMs }),
  };
}

const DEADLINE_EXCEEDED = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

function planEnd(inputs: PodInputs): PodPlan {
  const { pod, run, behaviour, nowMs } = inputs;
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = pod.metadata;
  const requestedMs = (parseTime(deletionTimestamp) ?? nowMs) - deletionGracePeriodSeconds * 1_000;
  const graceMs = effectiveGraceMs(pod, false);
  const stopsInTime = behaviour.stopAfterMs <= graceMs;
  const overMs = requestedMs + Math.min(behaviour.stopAfterMs, graceMs);
  if (behaviour.stopAfterMs > 0 && overMs > nowMs) return { run, nextMs: overMs };
  // How it ended is told before it goes: whoever holds it with a finalizer wants to know.
  const stopped = stopAll(run, stopsInTime ? "stopped" : "killed", nowMs);
  const told = finalizers.length > 0 ? changed(inputs, stopped, { isStopped: true }) : {};
  const isAsked = deletionGracePeriodSeconds === 0;
  return { run: stopped, ...told, ...(isAsked && finalizers.length > 0 ? {} : { remove: true }) };
}

interface StatusOptions {
  readonly viewOf?: ViewOf | undefined;
  readonly isStopped?: boolean;
  readonly failure?: { readonly reason: string; readonly message: string };
}

function changed(inputs: PodInputs, run: PodRun, options: StatusOptions): Pick<PodPlan, "status"> {
  const { pod, behaviour, hostIP, podIP, nowMs } = inputs;
  const { isStopped = false, failure } = options;
  const byName = new Map(allContainersOf(pod).map((container) => [container.name, container]));
  const viewOf: ViewOf =
    options.viewOf ??
    ((name) => {
      const container = byName.get(name);
      const known = run.get(name) ?? NOT_STARTED;
      if (container === undefined) throw new Error(`the pod has no container ${name}`);
      return viewOfRun(known, behaviour.of(container, known.current?.attempt ?? 0), nowMs);
    });
  const previous = pod.status ?? {};
  const next = podStatus({
    pod,
    previous,
    viewOf,
    hostIP,
    ...(podIP === undefined ? {} : { podIP }),
    startedAtMs: nowMs,
    nowMs,
    isStopped: isStopped || failure !== undefined,
    ...(failure === undefined ? {} : { failure }),
  });
  const status = withOthers(previous, next);
  return deepEqual(previous, status) ? {} : { status };
}

/** Fields and conditions that others write stay. */
function withOthers(previous: PodStatus, next: PodStatus): PodStatus {
  const { qosClass, nominatedNodeName, resourceClaimStatuses, observedGeneration } =
    previous as PodStatus & { readonly observedGeneration?: number };
  const own = new Set(next.conditions?.map(({ type }) => type));
  const others = (previous.conditions ?? []).filter(({ type }) => !own.has(type));
  return {
    ...(qosClass === undefined ? {} : { qosClass }),
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...next,
    conditions: [...(next.conditions ?? []), ...others],
  };
}

/** The pod starts now if it has not. */
function deadlineOf(pod: Pod, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = specOf(pod);
  if (activeDeadlineSeconds === undefined) return undefined;
  const sinceMs = parseTime(pod.status?.startTime) ?? nowMs;
  return sinceMs + activeDeadlineSeconds * 1_000;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
