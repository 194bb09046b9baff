import type { ContainerStatus, Pod } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing } from "./health.ts";

/** Waiting reasons that do not mend themselves. */
const FAILING = /^Err|Error$|BackOff$/;

export function podHealth(pod: Live<Pod>): Health {
  const { spec, status } = pod;
  const containers = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ];
  if ((spec?.restartPolicy ?? "Always") === "Always") {
    for (const { name, state } of containers) {
      if (FAILING.test(state?.waiting?.reason ?? ""))
        return degraded(
          `container ${name}: ${state?.waiting?.message ?? state?.waiting?.reason ?? ""}`,
        );
    }
  }
  switch (status?.phase) {
    case "Succeeded":
      return HEALTHY;
    case "Failed":
      return degraded(status.message ?? failureOf(containers) ?? "the pod failed");
    case "Running":
      return runningHealth(pod, containers);
    default: {
      const scheduled = conditionOf(status?.conditions, "PodScheduled");
      return progressing(
        scheduled?.status === "False"
          ? (scheduled.message ?? "not scheduled")
          : "the pod is pending",
      );
    }
  }
}

function runningHealth(
  { spec, status }: Live<Pod>,
  containers: readonly ContainerStatus[],
): Health {
  if ((spec?.restartPolicy ?? "Always") !== "Always") return progressing("the pod is running");
  if (conditionOf(status?.conditions, "Ready")?.status === "True") return HEALTHY;
  const restarted = containers.find((container) => container.lastState?.terminated !== undefined);
  if (restarted !== undefined)
    return degraded(`container ${restarted.name} was restarted and is not ready`);
  return progressing("the pod is not ready");
}

function failureOf(containers: readonly ContainerStatus[]): string | undefined {
  for (const { name, state } of containers) {
    const ended = state?.terminated;
    if (ended === undefined || ended.exitCode === 0) continue;
    if (ended.reason === "OOMKilled") return `container ${name} ran out of memory`;
    return ended.message ?? `container ${name} failed with exit code ${ended.exitCode}`;
  }
  return undefined;
}
