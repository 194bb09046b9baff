/** `containerStatuses[]` of one container, pure. */
import type {
  ContainerState,
  ContainerStatus,
  ContainerStateTerminated,
} from "kubernetes-types/core/v1";
import { formatTime } from "../../../client/timestamps.ts";
import type { ContainerView } from "../pod/container-view.ts";
import type { Container } from "../pod-model.ts";
import type { ContainerStatus as RuntimeStatus } from "../runtime/runtime.ts";

export function containerStatus(
  container: Container,
  view: ContainerView,
  defaultWaiting: string,
): ContainerStatus {
  const { current, previous } = view;
  const ended = current?.state === "exited" ? terminated(current, view.message) : undefined;
  const before =
    previous === undefined ? undefined : { terminated: terminated(previous, view.previousMessage) };
  // Waiting to be restarted, the run that just ended is the last state.
  const last = ended !== undefined && view.waiting !== undefined ? { terminated: ended } : before;
  return {
    name: container.name,
    state: stateOf(view, ended, defaultWaiting),
    ...(last === undefined ? {} : { lastState: last }),
    ready: view.isReady,
    restartCount: current?.attempt ?? 0,
    image: container.image ?? "",
    imageID: current === undefined ? "" : (container.image ?? ""),
    ...(current === undefined ? {} : { containerID: current.id }),
    started: view.isStarted,
  };
}

function stateOf(
  { current, waiting }: ContainerView,
  ended: ContainerStateTerminated | undefined,
  defaultWaiting: string,
): ContainerState {
  if (waiting !== undefined) return { waiting: { ...waiting } };
  if (ended !== undefined) return { terminated: ended };
  if (current === undefined) return { waiting: { reason: defaultWaiting } };
  return { running: { startedAt: formatTime(current.startedAtMs ?? 0) } };
}

/** Upstream's answer for a container whose end nobody saw. */
const UNKNOWN_EXIT_CODE = 137;

export function terminated(
  status: RuntimeStatus,
  message: string | undefined,
): ContainerStateTerminated {
  const { exitCode, startedAtMs, finishedAtMs } = status;
  return {
    exitCode: exitCode ?? UNKNOWN_EXIT_CODE,
    reason: reasonOf(status),
    ...(message === undefined || message === "" ? {} : { message }),
    ...(startedAtMs === undefined ? {} : { startedAt: formatTime(startedAtMs) }),
    ...(finishedAtMs === undefined ? {} : { finishedAt: formatTime(finishedAtMs) }),
    containerID: status.id,
  };
}

function reasonOf({ exitCode, oomKilled }: RuntimeStatus): string {
  if (oomKilled === true) return "OOMKilled";
  if (exitCode === undefined) return "ContainerStatusUnknown";
  return exitCode === 0 ? "Completed" : "Error";
}
