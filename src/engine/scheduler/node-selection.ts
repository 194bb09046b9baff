/** Node selector terms of node affinity, pure. */
import type { NodeSelectorTerm, PodSpec } from "kubernetes-types/core/v1";
import { matchesLabels, requirementOf } from "../../kube/label-selector.ts";
import type { NodeState } from "./node-state.ts";

/** `spec.nodeSelector` and required node affinity, both of which must hold. */
export function matchesRequired(spec: PodSpec | undefined, node: NodeState): boolean {
  const { nodeSelector = {}, affinity } = spec ?? {};
  for (const [key, value] of Object.entries(nodeSelector))
    if (node.labels[key] !== value) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  // One term is enough; within a term everything must hold.
  return (
    required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
  );
}

/** Sum of the weights of the preferred terms that hold. */
export function preference(spec: PodSpec | undefined, node: NodeState): number {
  const preferred =
    spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.reduce(
    (sum, { weight, preference: term }) => sum + (matchesTerm(term, node) ? weight : 0),
    0,
  );
}

/** An empty term selects nothing. */
function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  node: NodeState,
) {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = { "metadata.name": node.name };
  return (
    matchExpressions.every(({ key, operator, values }) =>
      matchesLabels([requirementOf(key, operator, values)], node.labels),
    ) &&
    matchFields.every(({ key, operator, values }) =>
      matchesLabels([requirementOf(key, operator, values)], fields),
    )
  );
}
