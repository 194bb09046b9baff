/** How a pod is stopped: the order, and how the grace period is shared. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import {
  allContainersOf,
  type Container,
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
  specOf,
} from "../pod-model.ts";
import type { Sandbox } from "../runtime/runtime.ts";
import type { ContainerRunner } from "./container-runner.ts";

const DEFAULT_GRACE_SECONDS = 30;
/** As upstream: even a forced deletion leaves a moment for SIGTERM. */
const MIN_GRACE_SECONDS = 1;
/** Of the grace period, what the wait for the data plane must leave to the program. */
const RESERVED_MS = 2_000;

export function effectiveGraceMs(pod: Pod, isRemoved: boolean): number {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const ofSpec = specOf(pod).terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  // The agent removes what has stopped; gone before that means a forced deletion, perhaps of a pod
  // that was given long to end.
  if (isRemoved) return MIN_GRACE_SECONDS * 1000;
  const seconds = deletionTimestamp === undefined ? ofSpec : (deletionGracePeriodSeconds ?? ofSpec);
  return Math.max(MIN_GRACE_SECONDS, seconds) * 1000;
}

/** How long the data plane may keep a pod from being stopped; with a preStop hook half the grace. */
export function holdBudgetMs(pod: Pod, graceMs: number): number {
  const hasHook = allContainersOf(pod).some(({ lifecycle }) => lifecycle?.preStop !== undefined);
  return hasHook ? graceMs / 2 : graceMs - Math.min(RESERVED_MS, graceMs / 2);
}

/** Where the pod's ports are, as the data plane calls them. */
export const addressesOf = ({ podIP, portMap }: Sandbox): string[] =>
  [...portMap.values()].map((port) => `${podIP}:${port}`);

/**
 * All main containers at once, then sidecars in reverse order of their start, within one grace
 * period. The preStop hooks of all run from the beginning, as upstream. Resolves when all have ended.
 */
export async function stopPod(
  pod: Pod,
  runners: ReadonlyMap<string, ContainerRunner>,
  graceMs: number,
): Promise<void> {
  const inits = initContainersOf(pod);
  const once = inits.filter((container) => !isSidecar(pod, container));
  const stop = async ({ name }: Container, turn?: Promise<unknown>): Promise<void> =>
    runners.get(name)?.stop(graceMs, turn === undefined ? {} : { turn });
  const first = [...containersOf(pod), ...ephemeralContainersOf(pod), ...once];
  let ended: Promise<unknown> = Promise.all(first.map((container) => stop(container)));
  for (const sidecar of inits.filter((container) => isSidecar(pod, container)).reverse())
    ended = Promise.all([ended, stop(sidecar, ended)]);
  await ended;
}
