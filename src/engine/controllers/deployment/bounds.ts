/** How far a rolling update may stray from the wanted number of pods. */
import type { Deployment } from "../../../kube/kinds/deployment.ts";

export interface Bounds {
  /** Pods above `spec.replicas`. */
  readonly maxSurge: number;
  /** Pods below `spec.replicas` that may be unavailable. */
  readonly maxUnavailable: number;
}

const DEFAULT_BOUND = "25%";

export function replicasOf(deployment: Deployment): number {
  return deployment.spec?.replicas ?? 1;
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return deployment.spec?.strategy?.type !== "Recreate";
}

/**
 * Percentages of the replicas: surge rounded up, unavailability rounded down. Both 0 would allow no
 * step at all, so one pod may then be unavailable.
 */
export function boundsOf(deployment: Deployment): Bounds {
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = replicasOf(deployment);
  const { rollingUpdate } = deployment.spec?.strategy ?? {};
  const maxSurge = countOf(rollingUpdate?.maxSurge ?? DEFAULT_BOUND, replicas, "up");
  const allowed = countOf(rollingUpdate?.maxUnavailable ?? DEFAULT_BOUND, replicas, "down");
  const maxUnavailable = maxSurge === 0 && allowed === 0 ? 1 : allowed;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** A number of pods, of which percentages are taken of `of`. */
export function countOf(bound: number | string, of: number, rounding: "up" | "down"): number {
  if (typeof bound === "number") return bound;
  const percent = Number.parseInt(bound, 10);
  if (Number.isNaN(percent)) return 0;
  const count = (percent * of) / 100;
  return rounding === "up" ? Math.ceil(count) : Math.floor(count);
}
