/** Topology spread with `DoNotSchedule`: no domain may have too many more of the pods than the fewest. */
import type { Cycle, FilterPlugin, Rejection } from "../framework.ts";
import type { NodeState } from "../node-state.ts";
import { untoleratedTaint } from "../tolerations.ts";
import { belongs } from "../topology/pod-group.ts";
import type { SpreadConstraint } from "../topology/spread-constraints.ts";

const MISSING_LABEL: Rejection = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  isFinal: true,
};
const TOO_SKEWED: Rejection = {
  reasons: ["node(s) didn't match pod topology spread constraints"],
};

interface Domains {
  readonly constraint: SpreadConstraint;
  readonly counts: ReadonlyMap<string, number>;
  readonly fewest: number;
}

export const spreadFilter: FilterPlugin = {
  name: "PodTopologySpread",
  isLocal: false,
  prepare: (cycle) => {
    const { hard } = cycle.info.spread;
    if (hard.length === 0) return undefined;
    const all = hard.map((constraint) => domainsOf(cycle, constraint, hard));
    return (node) => {
      for (const { constraint, counts, fewest } of all) {
        const domain = node.labels[constraint.topologyKey];
        if (domain === undefined) return MISSING_LABEL;
        const own = constraint.countsItself ? 1 : 0;
        if ((counts.get(domain) ?? 0) + own - fewest > constraint.maxSkew) return TOO_SKEWED;
      }
      return undefined;
    };
  },
  mayHelp: (event, { info, cluster }) => {
    const { hard } = info.spread;
    if (event.type === "node" || event.type === "node gone")
      return hard.some(({ topologyKey }) => event.node.labels[topologyKey] !== undefined);
    if (event.type !== "pod placed" && event.type !== "pod gone") return false;
    const pod = { namespace: event.pod.info.namespace, labels: event.pod.labels };
    return hard.some(({ group }) => belongs(group, pod, cluster.namespaceLabels));
  },
};

/** One look at each node, whatever the number of pods. */
function domainsOf(
  cycle: Cycle,
  constraint: SpreadConstraint,
  all: readonly SpreadConstraint[],
): Domains {
  const { cluster } = cycle;
  const { topologyKey, group, minDomains } = constraint;
  const { byNode } = cluster.counters.of([group], { ignoresTerminating: true });
  const counts = new Map<string, number>();
  for (const node of cluster.nodes) {
    const domain = node.labels[topologyKey];
    if (domain === undefined || !hasAllKeys(node, all) || !isEligible(cycle, constraint, node))
      continue;
    counts.set(domain, (counts.get(domain) ?? 0) + (byNode.get(node) ?? 0));
  }
  return { constraint, counts, fewest: counts.size < minDomains ? 0 : least(counts) };
}

const hasAllKeys = (node: NodeState, constraints: readonly SpreadConstraint[]): boolean =>
  constraints.every(({ topologyKey }) => node.labels[topologyKey] !== undefined);

/** Whether the node counts as part of a domain. */
export function isEligible(
  { info }: Cycle,
  { honorsAffinity, honorsTaints }: SpreadConstraint,
  node: NodeState,
): boolean {
  if (honorsAffinity && info.requiredNodes !== undefined && !info.requiredNodes(node)) return false;
  if (!honorsTaints || node.taints.length === 0) return true;
  return untoleratedTaint(info.requests.tolerations, node.taints) === undefined;
}

function least(counts: ReadonlyMap<string, number>): number {
  let fewest = Infinity;
  for (const count of counts.values()) if (count < fewest) fewest = count;
  return fewest;
}
