/**
 * Which containers of a pod should start now, and whether it has finished, pure: the rules of the kubelet's
 * computePodActions. Back-off and hooks are up to the worker that carries it out.
 */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type Container, containersOf, initContainersOf, isSidecar, specOf } from "../pod-model.ts";
import { outcomeOf, type ViewOf } from "./container-view.ts";

/** In the order in which they should start. None once the pod has finished. */
export function containersToStart(pod: Pod, viewOf: ViewOf): readonly Container[] {
  if (finalPhase(pod, viewOf) !== undefined) return [];
  const start: Container[] = [];
  const mainStarted = containersOf(pod).some(
    (container) => outcomeOf(viewOf(container.name)) !== "none",
  );
  for (const container of initContainersOf(pod)) {
    const view = viewOf(container.name);
    const outcome = outcomeOf(view);
    if (isSidecar(pod, container)) {
      if (outcome !== "running") start.push(container);
      // The next one needs this one's service; once all run, a restart holds nobody up.
      if (!mainStarted && !view.isStarted) return start;
    } else if (!mainStarted && outcome !== "succeeded") {
      if (outcome !== "running") start.push(container);
      return start;
    }
  }
  for (const container of containersOf(pod)) {
    const view = viewOf(container.name);
    if (shouldStart(pod, outcomeOf(view))) start.push(container);
    if (view.isStarting) break;
  }
  return start;
}

function shouldStart(pod: Pod, outcome: ReturnType<typeof outcomeOf>): boolean {
  if (outcome === "running") return false;
  return outcome === "none" || restarts(pod, outcome);
}

/** Whether the pod's policy lets a container run again after this end. */
export function restarts(pod: Pod, outcome: "succeeded" | "failed"): boolean {
  const { restartPolicy = "Always" } = specOf(pod);
  return restartPolicy === "Always" || (restartPolicy === "OnFailure" && outcome === "failed");
}

/** `Succeeded` or `Failed` once nothing of the pod may run again; sidecars do not count. */
export function finalPhase(pod: Pod, viewOf: ViewOf): "Succeeded" | "Failed" | undefined {
  const outcomes = (containers: readonly Container[]) =>
    containers.map((container) => outcomeOf(viewOf(container.name)));
  const init = initContainersOf(pod).filter((container) => !isSidecar(pod, container));
  const main = outcomes(containersOf(pod));
  const initFailed = outcomes(init).includes("failed") && !restarts(pod, "failed");
  // Init containers that failed before the pod started once do not count any more after it did.
  if (initFailed && main.every((outcome) => outcome === "none")) return "Failed";
  const isOver = (outcome: (typeof main)[number]): boolean =>
    (outcome === "succeeded" || outcome === "failed") && !restarts(pod, outcome);
  if (main.length === 0 || !main.every(isOver)) return undefined;
  return main.includes("failed") ? "Failed" : "Succeeded";
}
