/**
 * `status` of a pod from what the agent knows, pure: equal inputs give equal statuses, so that
 * comparing with the last one tells whether there is something to write.
 */
import type { PodCondition, PodStatus } from "kubernetes-types/core/v1";
import { formatTime } from "../../../client/timestamps.ts";
import { findCondition } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ViewOf } from "../pod/container-view.ts";
import { containersOf, ephemeralContainersOf, initContainersOf } from "../pod-model.ts";
import { containerStatus } from "./container-status.ts";
import { podConditions } from "./pod-conditions.ts";
import { podPhase, stoppedPhase } from "./pod-phase.ts";

export interface PodStatusInputs {
  readonly pod: Pod;
  /** The newest status: terminal phases and transition times go on from it. */
  readonly previous: PodStatus;
  readonly viewOf: ViewOf;
  readonly hostIP: string;
  /** Absent while there is no sandbox. */
  readonly podIP?: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Nothing of the pod runs any more and nothing will. */
  readonly isStopped: boolean;
  /** The agent ended the pod: `DeadlineExceeded`, `OutOfpods`, … */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** See `ROUTED_CONDITION`. */
  readonly isRouted?: boolean;
}

/** The upstream types do not know the field yet. */
export type ObservedPodStatus = PodStatus & { readonly observedGeneration?: number };

export function podStatus(inputs: PodStatusInputs): ObservedPodStatus {
  const { pod, viewOf, previous, hostIP, podIP, isStopped, isRouted, failure } = inputs;
  const phase = phaseOf(inputs);
  const hasInit = initContainersOf(pod).length > 0;
  const ephemeral = ephemeralContainersOf(pod);
  const conditions = podConditions({
    pod,
    viewOf,
    phase,
    hasSandbox: podIP !== undefined && !isStopped,
    ...(isRouted === undefined ? {} : { isRouted }),
  });
  const { generation } = pod.metadata;
  return {
    phase,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: conditions.map((condition) => timed(condition, inputs)),
    ...(failure === undefined ? {} : failure),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: previous.startTime ?? formatTime(inputs.startedAtMs),
    ...(hasInit
      ? {
          initContainerStatuses: initContainersOf(pod).map((container) =>
            containerStatus(container, viewOf(container.name), "PodInitializing"),
          ),
        }
      : {}),
    containerStatuses: containersOf(pod).map((container) =>
      containerStatus(
        container,
        viewOf(container.name),
        hasInit ? "PodInitializing" : "ContainerCreating",
      ),
    ),
    ...(ephemeral.length === 0
      ? {}
      : {
          ephemeralContainerStatuses: ephemeral.map((container) =>
            containerStatus(container, viewOf(container.name), "ContainerCreating"),
          ),
        }),
  };
}

function phaseOf({ pod, viewOf, previous, isStopped, failure }: PodStatusInputs) {
  if (previous.phase === "Succeeded" || previous.phase === "Failed") return previous.phase;
  if (failure !== undefined) return "Failed";
  return isStopped ? stoppedPhase(pod, viewOf) : podPhase(pod, viewOf);
}

function timed(
  condition: Pick<PodCondition, "type" | "status" | "reason" | "message">,
  { previous, nowMs }: PodStatusInputs,
): PodCondition {
  const before = findCondition(previous.conditions, condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: since ?? formatTime(nowMs) };
}
