/** The numbers of a PodDisruptionBudget, from its pods, as upstream's disruption controller has them. Pure. */
import { formatTime, parseTime } from "../../../client/timestamps.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from "../../../kube/kinds/poddisruptionbudget.ts";
import {
  withDisruptionAllowed,
  withSyncFailure,
} from "../../../kube/kinds/poddisruptionbudget/disruption-allowed.ts";
import { countOf } from "../deployment/bounds.ts";
import { availableAtMs } from "../replicaset/pod-state.ts";

/** How long an eviction counts although its pod is not being deleted; upstream's DeletionTimeout. */
export const DISRUPTION_TIMEOUT_MS = 2 * 60_000;

/** Whether the bounds are shares of what the pods' controllers want, and not of what is there. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";
}

export interface BudgetView {
  readonly budget: PodDisruptionBudget;
  /** All that it selects. */
  readonly pods: readonly Pod[];
  /** What the pods' controllers want together; ignored unless {@link needsScale}. */
  readonly scale: number;
  readonly nowMs: number;
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** Pods that were evicted and then not deleted. */
  readonly notDeleted: readonly Pod[];
  /** When an eviction stops counting, if nothing else happens. */
  readonly recheckInMs: number | undefined;
}

export function planBudget(view: BudgetView): BudgetPlan {
  const { budget, pods, nowMs } = view;
  const { expectedPods, desiredHealthy } = wanted(view);
  const { disrupted, notDeleted, recheckInMs } = openDisruptions(view);
  const currentHealthy = pods.filter((pod) => isHealthy(pod) && !disrupted.has(nameOf(pod))).length;
  // A budget without pods lets nothing go: they may only not have been seen yet.
  const room = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const { conditions } = budget.status ?? {};
  const status = {
    ...(conditions === undefined ? {} : { conditions }),
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed: room,
    expectedPods,
    observedGeneration: budget.metadata.generation ?? 0,
    ...(disrupted.size === 0 ? {} : { disruptedPods: Object.fromEntries(disrupted) }),
  };
  return { status: withDisruptionAllowed(status, formatTime(nowMs)), notDeleted, recheckInMs };
}

/** The status while it cannot be told what to expect: nothing may go. */
export function failedBudget(
  { metadata, status }: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const observed = { ...status, observedGeneration: metadata.generation ?? 0 };
  return withSyncFailure(observed, message, formatTime(nowMs));
}

/**
 * Ready, and reachable through its Services: what would be missed if it went. Upstream goes by
 * readiness alone, and so lets the next pod go before the last one's replacement is routed to.
 */
function isHealthy(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && availableAtMs(pod, 0) !== undefined;
}

function wanted({ budget: { spec }, pods, scale }: BudgetView): {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
} {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable !== undefined) {
    const unavailable = countOf(maxUnavailable, scale, "up");
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - unavailable) };
  }
  if (typeof minAvailable === "string")
    return { expectedPods: scale, desiredHealthy: countOf(minAvailable, scale, "up") };
  return minAvailable === undefined
    ? { expectedPods: 0, desiredHealthy: 0 }
    : { expectedPods: pods.length, desiredHealthy: minAvailable };
}

/** Evictions whose pods are still there, by name. */
function openDisruptions({ budget, pods, nowMs }: BudgetView): {
  readonly disrupted: ReadonlyMap<string, string>;
  readonly notDeleted: readonly Pod[];
  readonly recheckInMs: number | undefined;
} {
  const evicted = budget.status?.disruptedPods ?? {};
  const disrupted = new Map<string, string>();
  const notDeleted: Pod[] = [];
  let recheckInMs: number | undefined;
  for (const pod of pods) {
    const name = nameOf(pod);
    const evictedAt = Object.hasOwn(evicted, name) ? evicted[name] : undefined;
    if (evictedAt === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = (parseTime(evictedAt) ?? 0) + DISRUPTION_TIMEOUT_MS - nowMs;
    if (leftMs <= 0) notDeleted.push(pod);
    else {
      disrupted.set(name, evictedAt);
      recheckInMs = Math.min(recheckInMs ?? leftMs, leftMs);
    }
  }
  return { disrupted, notDeleted, recheckInMs };
}

const nameOf = ({ metadata }: Pod): string => metadata.name;
