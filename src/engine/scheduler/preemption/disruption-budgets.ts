/** What disruption budgets still allow, for choosing whom to preempt. Pure. */
import type { PodDisruptionBudget } from "../../../kube/kinds/poddisruptionbudget.ts";
import { matchesLabels, type Selector, selectorOf } from "../../../kube/label-selector.ts";
import type { PlacedPod } from "../node-state.ts";

export interface Budget {
  readonly namespace: string;
  readonly selector: Selector;
  readonly disruptionsAllowed: number;
  /** Names of pods whose disruption was taken from the budget already. */
  readonly disrupted: ReadonlySet<string>;
}

export function budgetOf({ metadata, spec, status }: PodDisruptionBudget): Budget {
  return {
    namespace: metadata.namespace ?? "",
    selector: selectorOf(spec?.selector),
    disruptionsAllowed: status?.disruptionsAllowed ?? 0,
    disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
  };
}

/** Those of the pods, in their order, that would go beyond some budget. */
export function violating(
  pods: readonly PlacedPod[],
  budgets: readonly Budget[],
): ReadonlySet<PlacedPod> {
  const left = budgets.map(({ disruptionsAllowed }) => disruptionsAllowed);
  const found = new Set<PlacedPod>();
  for (const pod of pods)
    for (const [index, budget] of budgets.entries()) {
      if (budget.namespace !== pod.info.namespace || budget.disrupted.has(pod.name)) continue;
      if (!matchesLabels(budget.selector, pod.labels)) continue;
      const allowed = (left[index] ?? 0) - 1;
      left[index] = allowed;
      if (allowed < 0) found.add(pod);
    }
  return found;
}
