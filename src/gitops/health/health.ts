/**
 * Health of live objects, as Argo CD defines its states
 * (gitops-engine/pkg/health). One pure rule per kind; a kind without a rule has no health.
 */
import type { KubeObject } from "../../kube/object.ts";

/** Best to worst. */
export const HEALTH_STATES = [
  "Healthy",
  "Suspended",
  "Progressing",
  "Missing",
  "Degraded",
  "Unknown",
] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

export interface Health {
  readonly status: HealthState;
  /** Why it is not healthy. */
  readonly message?: string;
}
/** Pure. Undefined: the object says nothing about its health, and does not count. */
export type HealthRule<T extends KubeObject = KubeObject> = (object: T) => Health | undefined;

export const HEALTHY: Health = { status: "Healthy" };
export const progressing = (message: string): Health => ({ status: "Progressing", message });
export const suspended = (message: string): Health => ({ status: "Suspended", message });
export const unknown = (message: string): Health => ({ status: "Unknown", message });
export const degraded = (message: string): Health => ({ status: "Degraded", message });

/** The worst of several; healthy when there are none. */
export function worstOf(healths: Iterable<Health>): Health {
  let worst = HEALTHY;
  for (const health of healths) {
    if (HEALTH_STATES.indexOf(health.status) > HEALTH_STATES.indexOf(worst.status)) worst = health;
  }
  return worst;
}

/** Condition as most kinds have it. */
export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
export function conditionOf(
  conditions: readonly StatusCondition[] | undefined,
  type: string,
): StatusCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
