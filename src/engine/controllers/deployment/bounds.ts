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
  const maxSurge = resolve(rollingUpdate?.maxSurge ?? DEFAULT_BOUND, replicas, Math.ceil);
  const allowed = resolve(rollingUpdate?.maxUnavailable ?? DEFAULT_BOUND, replicas, Math.floor);
  const maxUnavailable = maxSurge === 0 && allowed === 0 ? 1 : allowed;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

function resolve(bound: number | string, of: number, round: (value: number) => number): number {
  if (typeof bound === "number") return bound;
  const percent = Number.parseInt(bound, 10);
  return Number.isNaN(percent) ? 0 : round((percent * of) / 100);
}
