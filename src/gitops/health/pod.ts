import type { Pod } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing } from "./health.ts";
import type { HealthContext } from "./health-context.ts";
import {
  brokenContainer,
  containersOf,
  crashingContainer,
  endOf,
  unschedulable,
} from "./pod-trouble.ts";

/** Asks to judge a pod that may end as if it ran for ever, as in Argo CD; hooks never are. */
const IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy";
const HOOK_ANNOTATIONS = ["argocd.argoproj.io/hook", "helm.sh/hook"];

export function podHealth(pod: Live<Pod>, { nowMs }: HealthContext): Health {
  const { status } = pod;
  const containers = containersOf(status);
  for (const container of containers) {
    const trouble =
      brokenContainer(container) ?? (runsForever(pod) ? crashingContainer(container) : undefined);
    if (trouble !== undefined) return degraded(trouble.message);
  }
  switch (status?.phase) {
    case "Succeeded":
      return HEALTHY;
    case "Failed":
      return degraded(status.message ?? failureOf(pod) ?? "the pod failed");
    case "Running":
      return runningHealth(pod);
    default: {
      const stuck = unschedulable(status, nowMs);
      if (stuck !== undefined) return degraded(stuck.message);
      const scheduled = conditionOf(status?.conditions, "PodScheduled");
      return progressing(
        scheduled?.status === "False"
          ? (scheduled.message ?? "not scheduled")
          : "the pod is pending",
      );
    }
  }
}

function runsForever({ metadata, spec }: Live<Pod>): boolean {
  if ((spec?.restartPolicy ?? "Always") === "Always") return true;
  const annotations = metadata.annotations ?? {};
  const isHook = HOOK_ANNOTATIONS.some((name) => annotations[name] !== undefined);
  return annotations[IGNORE_RESTART_POLICY] === "true" && !isHook;
}

function runningHealth(pod: Live<Pod>): Health {
  if (!runsForever(pod)) return progressing("the pod is running");
  if (conditionOf(pod.status?.conditions, "Ready")?.status === "True") return HEALTHY;
  for (const { name, lastState } of containersOf(pod.status)) {
    const ended = lastState?.terminated;
    if (ended !== undefined)
      return degraded(`container ${name} was restarted and is not ready: it ${endOf(ended)}`);
  }
  return progressing("the pod is not ready");
}

function failureOf({ status }: Live<Pod>): string | undefined {
  for (const { name, state } of containersOf(status)) {
    const ended = state?.terminated;
    if (ended === undefined || ended.exitCode === 0) continue;
    return `container ${name} ${endOf(ended)}`;
  }
  return undefined;
}
