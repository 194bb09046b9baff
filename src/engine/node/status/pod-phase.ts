/** `status.phase`, pure: the kubelet's getPhase. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { outcomeOf, type ViewOf } from "../pod/container-view.ts";
import { finalPhase } from "../pod/pod-plan.ts";
import {
  type Container,
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
} from "../pod-model.ts";

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

export function podPhase(pod: Pod, viewOf: ViewOf): PodPhase {
  const isRunning = (container: Container): boolean =>
    outcomeOf(viewOf(container.name)) === "running";
  const final = finalPhase(pod, viewOf);
  if (final !== undefined)
    // What else runs has its say until it is gone, so that "finished" means that nothing runs.
    return [...initContainersOf(pod), ...ephemeralContainersOf(pod)].some(isRunning)
      ? "Running"
      : final;
  if (pendingInit(pod, viewOf).length > 0) return "Pending";
  const outcomes = containersOf(pod).map((container) => outcomeOf(viewOf(container.name)));
  return outcomes.includes("none") ? "Pending" : "Running";
}

/** Init containers that have not done their part: succeeded, or for sidecars started. */
export function pendingInit(pod: Pod, viewOf: ViewOf): readonly Container[] {
  const started = containersOf(pod).some(
    (container) => outcomeOf(viewOf(container.name)) !== "none",
  );
  // Nothing that happens to an init container later takes a started pod back.
  if (started) return [];
  return initContainersOf(pod).filter((container) => {
    const view = viewOf(container.name);
    return isSidecar(pod, container) ? !view.isStarted : outcomeOf(view) !== "succeeded";
  });
}

/**
 * The phase of a pod whose containers were stopped for good (deleted, past its deadline): it may
 * not say Running, whatever its restart policy.
 */
export function stoppedPhase(pod: Pod, viewOf: ViewOf): PodPhase {
  const phase = podPhase(pod, viewOf);
  if (phase !== "Running" && phase !== "Pending") return phase;
  const outcomes = containersOf(pod).map((container) => outcomeOf(viewOf(container.name)));
  return outcomes.length > 0 && outcomes.every((outcome) => outcome === "succeeded")
    ? "Succeeded"
    : "Failed";
}
