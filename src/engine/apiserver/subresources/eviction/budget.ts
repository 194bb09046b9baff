/**
 * What PodDisruptionBudgets say to the eviction of a pod: the rules of upstream's eviction
 * subresource (pkg/registry/core/pod/storage/eviction.go), apart from any store. Pure.
 */
import { findCondition, isConditionTrue } from "../../../../kube/conditions.ts";
import type { Pod } from "../../../../kube/kinds/pod.ts";
import {
  type PodDisruptionBudget,
  podDisruptionBudgets,
} from "../../../../kube/kinds/poddisruptionbudget.ts";
import {
  DISRUPTION_ALLOWED,
  SYNC_FAILED,
  withDisruptionAllowed,
} from "../../../../kube/kinds/poddisruptionbudget/disruption-allowed.ts";
import { matchesLabels, selectorOf } from "../../../../kube/label-selector.ts";
import { type StatusCause, StatusError } from "../../../../kube/status-error.ts";
import { forbidden } from "../../admission/forbidden.ts";

/** Evictions that no controller has confirmed yet; upstream's number. */
const MAX_DISRUPTED_PODS = 2_000;
/** When to try again while the controller has not seen the budget's newest spec; upstream's number. */
const STALE_RETRY_SECONDS = 10;
const TERMINAL_PHASES: readonly string[] = ["Succeeded", "Failed"];

/** How a pod may be evicted. */
export type Permission =
  /** Nothing is disrupted by the end of a pod that is ending already, or that no budget covers. */
  | { readonly kind: "free" }
  /** It serves nobody yet: only as long as that is so. */
  | { readonly kind: "free while pending" }
  /** It is out of order, and enough others are not: only as long as that is so. */
  | { readonly kind: "free while unhealthy"; readonly budget: string }
  /** One disruption of this budget has to be taken first. */
  | { readonly kind: "costs"; readonly budget: PodDisruptionBudget };

/** Throws 500 for a pod with several budgets, as upstream. */
export function permissionFor(pod: Pod, budgets: readonly PodDisruptionBudget[]): Permission {
  const { phase = "Pending", conditions } = pod.status ?? {};
  if (pod.metadata.deletionTimestamp !== undefined || TERMINAL_PHASES.includes(phase))
    return { kind: "free" };
  if (phase === "Pending") return { kind: "free while pending" };
  const [budget, second] = budgets.filter((one) => selectsPod(one, pod));
  if (budget === undefined) return { kind: "free" };
  if (second !== undefined) throw severalBudgets();
  return !isConditionTrue(conditions, "Ready") && mayGoUnhealthy(budget)
    ? { kind: "free while unhealthy", budget: budget.metadata.name }
    : { kind: "costs", budget };
}

/** The budget's status with one disruption less. Throws 429 when there is none to take. */
export function takeDisruption(
  budget: PodDisruptionBudget,
  podName: string,
  nowIso: string,
): PodDisruptionBudget {
  const { metadata, status = {} } = budget;
  const { disruptionsAllowed = 0, disruptedPods = {} } = status;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw budgetIsStale(metadata.name);
  if (disruptionsAllowed < 0) throw refused(budget, "pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS)
    throw refused(
      budget,
      "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
    );
  if (disruptionsAllowed === 0) throw tooManyRequests({ cause: causeOf(budget) });
  const next = {
    ...status,
    disruptionsAllowed: disruptionsAllowed - 1,
    disruptedPods: { ...disruptedPods, [podName]: nowIso },
  };
  return { ...budget, status: withDisruptionAllowed(next, nowIso) };
}

/** 429: the controller has to look first. */
export function budgetIsStale(name: string): StatusError {
  return tooManyRequests({
    retryAfterSeconds: STALE_RETRY_SECONDS,
    cause: `The disruption budget ${name} is still being processed by the server.`,
  });
}

function selectsPod({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean {
  return matchesLabels(selectorOf(spec?.selector), metadata.labels);
}

function mayGoUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function causeOf({ metadata: { name }, status }: PodDisruptionBudget): string {
  const { conditions, desiredHealthy = 0, currentHealthy = 0 } = status ?? {};
  const condition = findCondition(conditions, DISRUPTION_ALLOWED);
  return condition?.reason === SYNC_FAILED
    ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message}`
    : `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
}

function tooManyRequests(refusal: {
  readonly cause: string;
  readonly retryAfterSeconds?: number;
}): StatusError {
  const { cause, ...retry } = refusal;
  const causes: StatusCause[] = [{ reason: "DisruptionBudget", message: cause }];
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  return StatusError.of("TooManyRequests", message, { causes, ...retry });
}

const refused = ({ metadata }: PodDisruptionBudget, message: string): StatusError =>
  forbidden(podDisruptionBudgets, metadata.name, message);

function severalBudgets(): StatusError {
  return StatusError.of(
    "InternalError",
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
  );
}
