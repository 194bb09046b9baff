/** `status.conditions` as far as the node agent owns them, pure. */
import type { PodCondition } from "kubernetes-types/core/v1";
import { findCondition, isConditionTrue } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { ROUTED_CONDITION } from "../../pod-contract.ts";
import type { ViewOf } from "../pod/container-view.ts";
import { type Container, containersOf, initContainersOf, isSidecar, specOf } from "../pod-model.ts";
import { type PodPhase, pendingInit } from "./pod-phase.ts";

export interface ConditionInputs {
  readonly pod: Pod;
  readonly viewOf: ViewOf;
  readonly phase: PodPhase;
  readonly hasSandbox: boolean;
  /** Absent: no Service selects the pod. */
  readonly isRouted?: boolean;
}
type Condition = Pick<PodCondition, "type" | "status" | "reason" | "message">;

export function podConditions(inputs: ConditionInputs): Condition[] {
  const containersReady = containersReadyCondition(inputs);
  const ready = readyCondition(inputs, containersReady);
  const conditions = [
    { type: "PodScheduled", status: "True" },
    { type: "PodReadyToStartContainers", status: inputs.hasSandbox ? "True" : "False" },
    initializedCondition(inputs),
    containersReady,
    ready,
  ];
  const { isRouted } = inputs;
  if (isRouted !== undefined)
    conditions.push({ type: ROUTED_CONDITION, status: isRouted ? "True" : "False" });
  return conditions;
}

function initializedCondition({ pod, viewOf, phase }: ConditionInputs): Condition {
  const type = "Initialized";
  if (phase === "Succeeded") return { type, status: "True", reason: "PodCompleted" };
  const pending = pendingInit(pod, viewOf);
  if (pending.length === 0) return { type, status: "True" };
  return {
    type,
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: ${list(pending)}`,
  };
}

function containersReadyCondition({ pod, viewOf, phase }: ConditionInputs): Condition {
  const type = "ContainersReady";
  if (phase === "Succeeded") return { type, status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { type, status: "False", reason: "PodFailed" };
  const sidecars = initContainersOf(pod).filter((container) => isSidecar(pod, container));
  const unready = [...sidecars, ...containersOf(pod)].filter(({ name }) => !viewOf(name).isReady);
  if (unready.length === 0) return { type, status: "True" };
  return {
    type,
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: ${list(unready)}`,
  };
}

function readyCondition({ pod }: ConditionInputs, containersReady: Condition): Condition {
  const type = "Ready";
  if (containersReady.status !== "True") return { ...containersReady, type };
  const { conditions } = pod.status ?? {};
  const messages = (specOf(pod).readinessGates ?? [])
    .filter(({ conditionType }) => !isConditionTrue(conditions, conditionType))
    .map(({ conditionType }) => {
      const found = findCondition(conditions, conditionType);
      return found === undefined
        ? `corresponding condition of pod readiness gate "${conditionType}" does not exist.`
        : `the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`;
    });
  if (messages.length === 0) return { type, status: "True" };
  return { type, status: "False", reason: "ReadinessGatesNotReady", message: messages.join(", ") };
}

const list = (containers: readonly Container[]): string =>
  `[${containers.map(({ name }) => name).join(" ")}]`;
