/**
 * What `kubectl get pods` shows of a pod: ready containers, one word for its state, restarts
 * (k8s.io/kubernetes/pkg/printers/internalversion, `printPod`).
 */
import type { ContainerState, ContainerStatus } from "kubernetes-types/core/v1";
import { isConditionTrue } from "../../conditions.ts";
import { ageSince } from "../human-duration.ts";
import { isSidecar } from "../pod-spec/containers.ts";
import type { Pod } from "./pod-object.ts";

export interface DisplayStatus {
  readonly readyContainers: number;
  readonly totalContainers: number;
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating`, … */
  readonly reason: string;
  readonly restarts: number;
  /** RFC 3339; absent when nothing was restarted yet. */
  readonly lastRestartAt?: string;
}

interface Restarts {
  count: number;
  lastAt: string;
}

export function displayStatus(pod: Pod): DisplayStatus {
  const initializing = describeInit(pod);
  const isInitialized = isConditionTrue(pod.status?.conditions, "Initialized");
  const isPastInit = initializing.reason === undefined || isInitialized;
  const running = isPastInit ? describeContainers(pod) : undefined;
  const restarts = isPastInit
    ? addRestarts(initializing.sidecarRestarts, pod.status?.containerStatuses ?? [])
    : initializing.restarts;
  const reason = running?.reason ?? initializing.reason ?? initialReason(pod);
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).length;
  return {
    readyContainers: initializing.readySidecars + (running?.ready ?? 0),
    totalContainers: (pod.spec?.containers ?? []).length + sidecars,
    reason: terminatingReason(pod) ?? reason,
    restarts: restarts.count,
    ...(restarts.lastAt === "" ? {} : { lastRestartAt: restarts.lastAt }),
  };
}

/** `3`, or `3 (2m ago)` once it is known when. */
export function formatRestarts(status: DisplayStatus, nowMs: number): string {
  return status.restarts === 0 || status.lastRestartAt === undefined
    ? String(status.restarts)
    : `${status.restarts} (${ageSince(status.lastRestartAt, nowMs)} ago)`;
}

function initialReason({ status }: Pod): string {
  const isGated = status?.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  if (isGated === true) return "SchedulingGated";
  return status?.reason || status?.phase || "";
}

function terminatingReason({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? undefined : "Terminating";
}

interface InitProgress {
  /** Absent when every init container is done, or started if it is a sidecar. */
  readonly reason?: string;
  readonly readySidecars: number;
  readonly restarts: Restarts;
  readonly sidecarRestarts: Restarts;
}

/** Walks the init containers up to the first that is not done. */
function describeInit(pod: Pod): InitProgress {
  const declared = pod.spec?.initContainers ?? [];
  const sidecars = new Set(declared.filter(isSidecar).map(({ name }) => name));
  let restarts: Restarts = { count: 0, lastAt: "" };
  let sidecarRestarts: Restarts = { count: 0, lastAt: "" };
  let readySidecars = 0;
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecarStatus = sidecars.has(status.name);
    restarts = addRestarts(restarts, [status]);
    if (isSidecarStatus) sidecarRestarts = addRestarts(sidecarRestarts, [status]);
    if (status.state?.terminated?.exitCode === 0) continue;
    if (isSidecarStatus && status.started === true) {
      if (status.ready) readySidecars++;
      continue;
    }
    const reason = initReason(status.state, index, declared.length);
    return { reason, readySidecars, restarts, sidecarRestarts };
  }
  return { readySidecars, restarts, sidecarRestarts };
}

function initReason(state: ContainerState | undefined, index: number, total: number): string {
  if (state?.terminated !== undefined) return `Init:${terminatedReason(state.terminated)}`;
  const waiting = state?.waiting?.reason ?? "";
  return waiting !== "" && waiting !== "PodInitializing"
    ? `Init:${waiting}`
    : `Init:${index}/${total}`;
}

function terminatedReason(terminated: NonNullable<ContainerState["terminated"]>): string {
  if (terminated.reason !== undefined && terminated.reason !== "") return terminated.reason;
  return (terminated.signal ?? 0) !== 0
    ? `Signal:${terminated.signal}`
    : `ExitCode:${terminated.exitCode}`;
}

/** The first container that waits or has ended gives the reason. */
function describeContainers(pod: Pod): { ready: number; reason?: string } {
  const statuses = pod.status?.containerStatuses ?? [];
  const ready = statuses.filter(isReadyAndRunning).length;
  const reason = statuses.map(containerReason).find((text) => text !== undefined);
  if (reason === "Completed" && ready > 0) {
    const isReady = isConditionTrue(pod.status?.conditions, "Ready");
    return { ready, reason: isReady ? "Running" : "NotReady" };
  }
  return reason === undefined ? { ready } : { ready, reason };
}

function containerReason({ state }: ContainerStatus): string | undefined {
  const waiting = state?.waiting?.reason ?? "";
  if (waiting !== "") return waiting;
  return state?.terminated === undefined ? undefined : terminatedReason(state.terminated);
}

function isReadyAndRunning({ ready, state }: ContainerStatus): boolean {
  return ready && state?.running !== undefined;
}

/** RFC 3339 times in UTC compare as text. */
function addRestarts(sum: Restarts, statuses: readonly ContainerStatus[]): Restarts {
  let { count, lastAt } = sum;
  for (const status of statuses) {
    count += status.restartCount ?? 0;
    const at = status.lastState?.terminated?.finishedAt ?? "";
    if (at > lastAt) lastAt = at;
  }
  return { count, lastAt };
}
