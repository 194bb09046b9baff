/**
 * Which containers of a pod should start now, and whether it has finished, pure: the rules of the kubelet's
 * computePodActions. Back-off and hooks are up to the worker that carries it out.
 */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { restartsAfter } from "../../../kube/kinds/pod-spec/container-restart.ts";
import {
  type Container,
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
  specOf,
} from "../pod-model.ts";
import { type ContainerView, outcomeOf, type ViewOf } from "./container-view.ts";

/** What the kubelet assumes of a container whose end nobody saw. */
const UNKNOWN_EXIT_CODE = 137;

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
    if (outcomeOf(view) === "none" || isRestarted(pod, container, view)) start.push(container);
    if (view.isStarting) break;
  }
  return start;
}

/** Ephemeral containers that never ran: they wait for nobody, not even for init containers, and start once. */
export function ephemeralToStart(pod: Pod, viewOf: ViewOf): readonly Container[] {
  if (finalPhase(pod, viewOf) !== undefined) return [];
  return ephemeralContainersOf(pod).filter(({ name }) => outcomeOf(viewOf(name)) === "none");
}

/** Whether a container has ended and its policy, or the pod's, lets it run again. */
function isRestarted(pod: Pod, container: Container, { current }: ContainerView): boolean {
  return (
    current?.state === "exited" &&
    restartsAfter(container, specOf(pod).restartPolicy, current.exitCode ?? UNKNOWN_EXIT_CODE)
  );
}

/** `Succeeded` or `Failed` once nothing of the pod may run again; sidecars do not count. */
export function finalPhase(pod: Pod, viewOf: ViewOf): "Succeeded" | "Failed" | undefined {
  const isOver = (container: Container): boolean => {
    const view = viewOf(container.name);
    return view.current?.state === "exited" && !isRestarted(pod, container, view);
  };
  const outcome = ({ name }: Container) => outcomeOf(viewOf(name));
  const main = containersOf(pod);
  const initFailed = initContainersOf(pod).some(
    (container) =>
      !isSidecar(pod, container) && outcome(container) === "failed" && isOver(container),
  );
  // Init containers that failed before the pod started once do not count any more after it did.
  if (initFailed && main.every((container) => outcome(container) === "none")) return "Failed";
  if (main.length === 0 || !main.every(isOver)) return undefined;
  return main.some((container) => outcome(container) === "failed") ? "Failed" : "Succeeded";
}
