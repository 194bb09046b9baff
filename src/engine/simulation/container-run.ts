/** One container of a simulated pod over time: its runs, restarts and back-off. Pure. */
import type { ContainerStatus as ApiContainerStatus } from "kubernetes-types/core/v1";
import { parseTime } from "../../client/timestamps.ts";
import type { ContainerView } from "../node/pod/container-view.ts";
import type { ContainerStatus } from "../node/runtime/runtime.ts";
import type { ContainerBehaviour } from "./behaviour.ts";

export interface ContainerRun {
  /** Absent before the first start. */
  readonly current?: ContainerStatus;
  readonly previous?: ContainerStatus;
  /** When the next run begins; absent when none is due. */
  readonly startAtMs?: number;
  /** Ends that count for the back-off. */
  readonly crashes: number;
}

export const NOT_STARTED: ContainerRun = { crashes: 0 };

/** As the kubelet: at once, then 10 s, 20 s, … up to 300 s, and anew after ten minutes of health. */
const INITIAL_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
const HEALTHY_MS = 2 * MAX_BACKOFF_MS;

export const isRunning = ({ current }: ContainerRun): boolean => current?.state === "running";

/** The container may run: sets when it does. */
export function schedule(
  run: ContainerRun,
  behaviour: ContainerBehaviour,
  nowMs: number,
): ContainerRun {
  if (run.startAtMs !== undefined || behaviour.waiting !== undefined) return run;
  return run.current === undefined
    ? { ...run, startAtMs: nowMs + behaviour.startAfterMs }
    : { ...run, startAtMs: (run.current.finishedAtMs ?? nowMs) + backoffMs(run) };
}

function backoffMs({ crashes }: ContainerRun): number {
  return crashes <= 1 ? 0 : Math.min(INITIAL_BACKOFF_MS * 2 ** (crashes - 2), MAX_BACKOFF_MS);
}

export function start(
  run: ContainerRun,
  container: { readonly podUid: string; readonly name: string },
  nowMs: number,
): ContainerRun {
  const attempt = run.current === undefined ? 0 : run.current.attempt + 1;
  const { podUid, name } = container;
  const current: ContainerStatus = {
    id: `simulated://${podUid}-${name}-${attempt}`,
    podUid,
    name,
    attempt,
    state: "running",
    startedAtMs: nowMs,
  };
  const { current: previous, crashes } = run;
  return { current, ...(previous === undefined ? {} : { previous }), crashes };
}

export function end(run: ContainerRun, exitCode: number, nowMs: number): ContainerRun {
  const { current } = run;
  if (current === undefined || current.state === "exited") return run;
  const wasHealthy = nowMs - (current.startedAtMs ?? nowMs) >= HEALTHY_MS;
  return {
    ...run,
    current: { ...current, state: "exited", finishedAtMs: nowMs, exitCode },
    crashes: wasHealthy ? 1 : run.crashes + 1,
  };
}

/** When the run ends by itself. */
export function endsAtMs({ current }: ContainerRun, { runForMs }: ContainerBehaviour) {
  if (current?.state !== "running" || runForMs === undefined) return undefined;
  return (current.startedAtMs ?? 0) + runForMs;
}

/** When the run becomes ready; in the past for one that is. */
export function readyAtMs({ current }: ContainerRun, { readyAfterMs }: ContainerBehaviour) {
  if (current?.state !== "running" || readyAfterMs === undefined) return undefined;
  return (current.startedAtMs ?? 0) + readyAfterMs;
}

export function viewOfRun(
  run: ContainerRun,
  behaviour: ContainerBehaviour,
  nowMs: number,
): ContainerView {
  const { current, previous } = run;
  const readyAt = readyAtMs(run, behaviour);
  const waiting = waitingOf(run, behaviour, nowMs);
  return {
    ...(current === undefined ? {} : { current }),
    ...(previous === undefined ? {} : { previous }),
    ...(waiting === undefined ? {} : { waiting }),
    isStarting: false,
    isStarted: isRunning(run),
    isReady: readyAt !== undefined && readyAt <= nowMs,
  };
}

function waitingOf(run: ContainerRun, { waiting }: ContainerBehaviour, nowMs: number) {
  if (waiting !== undefined && run.current === undefined) return { reason: waiting };
  if (run.current?.state !== "exited" || run.startAtMs === undefined || run.startAtMs <= nowMs)
    return undefined;
  const pause = `${backoffMs(run) / 1_000}s`;
  return { reason: "CrashLoopBackOff", message: `back-off ${pause} restarting failed container` };
}

/** What a status that an earlier simulation wrote says of a container. */
export function runOfStatus(podUid: string, status: ApiContainerStatus | undefined): ContainerRun {
  if (status?.containerID?.startsWith("simulated://") !== true) return NOT_STARTED;
  const { name, restartCount: attempt, containerID: id, state, lastState } = status;
  const base = { id, podUid, name, attempt };
  const ended =
    state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated);
  const current: ContainerStatus =
    ended === undefined
      ? { ...base, state: "running", startedAtMs: parseTime(state?.running?.startedAt) ?? 0 }
      : {
          ...base,
          state: "exited",
          exitCode: ended.exitCode,
          startedAtMs: parseTime(ended.startedAt) ?? 0,
          finishedAtMs: parseTime(ended.finishedAt) ?? 0,
        };
  return { current, crashes: ended === undefined ? attempt : attempt + 1 };
}
