/**
 * A simulated pod over time: given how far it has come and what time it is, how far it comes, and when
 * the next thing happens. Pure; the rules of start order and restarts are the node agent's own.
 */
import type { Pod } from "../../kube/kinds/pod.ts";
import type { ViewOf } from "../node/pod/container-view.ts";
import { containersToStart, finalPhase } from "../node/pod/pod-plan.ts";
import {
  allContainersOf,
  type Container,
  initContainersOf,
  isSidecar,
  uidOf,
} from "../node/pod-model.ts";
import type { Behaviour } from "./behaviour.ts";
import {
  type ContainerRun,
  end,
  endsAtMs,
  isRunning,
  NOT_STARTED,
  readyAtMs,
  runOfStatus,
  schedule,
  start,
  viewOfRun,
} from "./container-run.ts";

/** By container. */
export type PodRun = ReadonlyMap<string, ContainerRun>;

export interface Advance {
  readonly run: PodRun;
  readonly viewOf: ViewOf;
  /** When to look again; undefined: only when the pod changes. */
  readonly nextMs: number | undefined;
}

/** SIGKILL's, for containers whose pod ends before they do. */
const KILLED = 137;

/** What the status of a pod says, for one that was not simulated by this process so far. */
export function runOfPod(pod: Pod): PodRun {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses];
  if (statuses.length === 0) return new Map();
  return new Map(
    allContainersOf(pod).map(({ name }) => [
      name,
      runOfStatus(
        uidOf(pod),
        statuses.find((status) => status.name === name),
      ),
    ]),
  );
}

/** Everything that is due by `nowMs` happens at `nowMs`: nothing happened while nobody looked. */
export function advance(pod: Pod, behaviour: Behaviour, before: PodRun, nowMs: number): Advance {
  const runs = new Map(before);
  const runOf = (name: string): ContainerRun => runs.get(name) ?? NOT_STARTED;
  const containers = new Map(allContainersOf(pod).map((container) => [container.name, container]));
  const behaviourOf = (container: Container) =>
    behaviour.of(container, runOf(container.name).current?.attempt ?? 0);
  const viewOf: ViewOf = (name) => {
    const container = containers.get(name);
    if (container === undefined) throw new Error(`the pod has no container ${name}`);
    const view = viewOfRun(runOf(name), behaviourOf(container), nowMs);
    const isDone = view.current?.state === "exited" && view.current.exitCode === 0;
    const isInit = initContainersOf(pod).includes(container) && !isSidecar(pod, container);
    return isInit && isDone ? { ...view, isReady: true } : view;
  };

  // A container starts and ends at most twice in one moment: then its back-off holds it.
  for (let round = containers.size * 4; round > 0; round--) {
    let happened = false;
    for (const container of containers.values()) {
      const run = runOf(container.name);
      const endMs = endsAtMs(run, behaviourOf(container));
      if (endMs === undefined || endMs > nowMs) continue;
      runs.set(container.name, end(run, behaviourOf(container).exitCode, nowMs));
      happened = true;
    }
    for (const container of containersToStart(pod, viewOf)) {
      const scheduled = schedule(runOf(container.name), behaviourOf(container), nowMs);
      runs.set(container.name, scheduled);
      if (scheduled.startAtMs === undefined || scheduled.startAtMs > nowMs) continue;
      const { name } = container;
      runs.set(name, start(scheduled, { podUid: uidOf(pod), name }, nowMs));
      happened = true;
    }
    if (!happened) break;
  }
  if (finalPhase(pod, viewOf) !== undefined) endSidecars(pod, runs, nowMs);

  const due = [...containers.values()].flatMap((container) => {
    const run = runOf(container.name);
    const own = behaviourOf(container);
    return [run.startAtMs, endsAtMs(run, own), readyAtMs(run, own)];
  });
  const later = due.filter((ms): ms is number => ms !== undefined && ms > nowMs);
  return { run: runs, viewOf, nextMs: later.length === 0 ? undefined : Math.min(...later) };
}

/** Nobody is left whom they could serve. */
function endSidecars(pod: Pod, runs: Map<string, ContainerRun>, nowMs: number): void {
  for (const container of initContainersOf(pod)) {
    const run = runs.get(container.name);
    if (run !== undefined && isSidecar(pod, container) && isRunning(run))
      runs.set(container.name, end(run, 0, nowMs));
  }
}

/** All that still runs is stopped: orderly, with 0, or when time is over, killed. */
export function stopAll(before: PodRun, reason: "stopped" | "killed", nowMs: number): PodRun {
  const exitCode = reason === "stopped" ? 0 : KILLED;
  return new Map([...before].map(([name, run]) => [name, end(run, exitCode, nowMs)]));
}
