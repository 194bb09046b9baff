/** From which nodes a volume can be reached: its node affinity. Pure. */
import type { NodeSelectorTerm } from "kubernetes-types/core/v1";
import type { Node } from "../../../kube/kinds/node.ts";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import { matchesLabels, requirementOf } from "../../../kube/label-selector.ts";

/** Whether a volume without node affinity, or one that has the node in it, is reachable from it. */
export function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, node));
}

/** An empty term selects nothing. */
function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  { metadata }: Node,
): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = { "metadata.name": metadata.name };
  return (
    matchExpressions.every(({ key, operator, values }) =>
      matchesLabels([requirementOf(key, operator, values)], metadata.labels),
    ) &&
    matchFields.every(({ key, operator, values }) =>
      matchesLabels([requirementOf(key, operator, values)], fields),
    )
  );
}
