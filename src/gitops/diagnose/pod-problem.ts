/** What is wrong with a pod that is not ready, from its status and its events. Pure. */
import type { ContainerStatus } from "kubernetes-types/core/v1";
import type { Event } from "../../kube/kinds/event.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { containersOf, endOf, podTrouble } from "../health/pod-trouble.ts";
import { conditionOf } from "../health/health.ts";

export interface PodProblem {
  /** In one word, as Kubernetes has it: `CrashLoopBackOff`, `Unschedulable`, `Unhealthy`. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  readonly container?: string;
  /** Whether somebody has to change something before this pod can become ready. */
  readonly isFinal: boolean;
  /** Which log of the container shows more; undefined: none does. */
  readonly log?: "current" | "previous";
}

/** Undefined: it is ready, or nothing is known to be in its way. */
export function podProblem(
  pod: Pod,
  events: readonly Event[],
  nowMs: number,
): PodProblem | undefined {
  const { status } = pod;
  if (status?.phase === "Succeeded" || isReady(pod)) return undefined;
  const trouble = podTrouble(pod, nowMs);
  if (trouble !== undefined) return withLog(trouble, pod);
  if (status?.phase === "Failed") return failedPod(pod);
  return (
    notScheduled(pod) ?? blockedByEvent(events) ?? endedContainer(pod) ?? unhealthy(pod, events)
  );
}

function isReady({ status }: Pod): boolean {
  return conditionOf(status?.conditions, "Ready")?.status === "True";
}

function withLog(
  { reason, message, container }: NonNullable<ReturnType<typeof podTrouble>>,
  pod: Pod,
): PodProblem {
  const status = containersOf(pod.status).find(({ name }) => name === container);
  return {
    reason,
    message,
    // The first crash may be that of a program that waits for another one.
    isFinal: reason !== "CrashLoopBackOff" || (status?.restartCount ?? 0) > 0,
    ...(container === undefined ? {} : { container }),
    ...logOf(status),
  };
}

/** A container that waits for its next start shows why in the log of the run before. */
function logOf(status: ContainerStatus | undefined): Pick<PodProblem, "log"> {
  if (status?.state?.running !== undefined || status?.state?.terminated !== undefined)
    return { log: "current" };
  if (status?.lastState?.terminated === undefined) return {};
  return { log: "previous" };
}

function failedPod({ status }: Pod): PodProblem {
  const culprit = containersOf(status).find(
    ({ state }) => (state?.terminated?.exitCode ?? 0) !== 0,
  );
  const ended = culprit?.state?.terminated;
  const how =
    culprit === undefined || ended === undefined
      ? (status?.message ?? status?.reason ?? "the pod failed")
      : `container ${culprit.name} ${endOf(ended)}`;
  return {
    reason: status?.reason ?? ended?.reason ?? "Failed",
    message: how,
    isFinal: true,
    ...(culprit === undefined ? {} : { container: culprit.name, log: "current" as const }),
  };
}

function notScheduled({ status }: Pod): PodProblem | undefined {
  const scheduled = conditionOf(status?.conditions, "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  const why = scheduled.message ?? "no node takes the pod";
  const reason = scheduled.reason ?? "Unschedulable";
  return { reason, message: why, isFinal: false };
}

/** What keeps a container from being started at all. */
const BLOCKING = new Set(["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"]);

function blockedByEvent(events: readonly Event[]): PodProblem | undefined {
  const event = latest(events, (reason) => BLOCKING.has(reason));
  if (event === undefined) return undefined;
  const { reason = "", message = "" } = event;
  return { reason, message: message.trim(), isFinal: false };
}

/** Between two starts. */
function endedContainer({ status, spec }: Pod): PodProblem | undefined {
  for (const container of containersOf(status)) {
    const ended = container.state?.terminated;
    if (ended === undefined || ended.exitCode === 0) continue;
    const { name } = container;
    const message = `container ${name} ${endOf(ended)}`;
    const isFinal = spec?.restartPolicy === "Never";
    return { reason: ended.reason ?? "Error", message, container: name, isFinal, log: "current" };
  }
  return undefined;
}

/** It runs, but does not say that it is ready, or is ended because it does not answer. */
function unhealthy({ status }: Pod, events: readonly Event[]): PodProblem | undefined {
  const failing = containersOf(status).find(({ ready }) => !ready);
  const probe = latest(events, (reason) => reason === "Unhealthy");
  const last = failing?.lastState?.terminated;
  if (failing === undefined || (probe === undefined && last === undefined)) return undefined;
  const { name, restartCount } = failing;
  const times = restartCount > 0 ? `, restarted ${restartCount} times` : "";
  const why =
    probe?.message?.trim() ?? (last === undefined ? "not ready" : `it ${endOf(last)} before`);
  const reason = probe === undefined ? "NotReady" : "Unhealthy";
  const message = `container ${name}: ${why}${times}`;
  return { reason, message, container: name, isFinal: false, log: "current" };
}

function latest(events: readonly Event[], isMeant: (reason: string) => boolean): Event | undefined {
  return events
    .filter(({ reason, type }) => type === "Warning" && isMeant(reason ?? ""))
    .toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
}

const timeOf = ({ lastTimestamp, eventTime, metadata }: Event): string =>
  lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
