/**
 * Topology spread with `ScheduleAnyway`, and by default over nodes and zones for pods of Services and
 * replicated workloads: the fewer of the pods in a node's domains, the better.
 */
import { type Cycle, MAX_SCORE, type ScorePlugin } from "../framework.ts";
import type { NodeState } from "../node-state.ts";
import { defaultConstraints, type SpreadConstraint } from "../topology/spread-constraints.ts";
import type { WorkloadSelectors } from "../workload-selectors.ts";
import { isEligible } from "./pod-topology-spread.ts";

const HOSTNAME = "kubernetes.io/hostname";

export function spreadScore(selectors: WorkloadSelectors): ScorePlugin {
  return {
    name: "PodTopologySpread",
    weight: 2,
    score: (cycle, nodes) => {
      const given = cycle.info.spread.soft;
      const hasOwn = given.length > 0 || cycle.info.spread.hard.length > 0;
      const constraints = hasOwn ? given : defaultsFor(cycle, selectors);
      return constraints.length === 0 ? undefined : score(cycle, nodes, constraints, hasOwn);
    },
  };
}

function defaultsFor({ info }: Cycle, selectors: WorkloadSelectors): readonly SpreadConstraint[] {
  const selector = selectors.of(info);
  return selector === undefined ? [] : defaultConstraints(selector, info.namespace, info.labels);
}

interface Counted {
  readonly constraint: SpreadConstraint;
  /** Rarer domains weigh less, so that a zone does not drown a host. */
  readonly weight: number;
  /** Pods in the node's domain; undefined when it has none. */
  readonly countOf: (node: NodeState) => number | undefined;
}

/** Constraints of the pod's own need every label of a node; the default ones do with what there is. */
function score(
  cycle: Cycle,
  nodes: readonly NodeState[],
  constraints: readonly SpreadConstraint[],
  needsAllKeys: boolean,
): readonly number[] {
  const isIgnored = (node: NodeState): boolean =>
    needsAllKeys && constraints.some(({ topologyKey: key }) => node.labels[key] === undefined);
  const candidates = nodes.filter((node) => !isIgnored(node));
  const counted = constraints.map((constraint) => count(cycle, constraint, candidates, isIgnored));
  const raw = nodes.map((node) => (isIgnored(node) ? undefined : rawScore(node, counted)));
  const present = raw.filter((each) => each !== undefined);
  const highest = Math.max(...present);
  const lowest = Math.min(...present);
  return raw.map((each) => {
    if (each === undefined) return 0;
    if (highest === 0) return MAX_SCORE;
    return Math.floor((MAX_SCORE * (highest + lowest - each)) / highest);
  });
}

function rawScore(node: NodeState, counted: readonly Counted[]): number {
  let sum = 0;
  for (const { constraint, weight, countOf } of counted) {
    const count = countOf(node);
    if (count !== undefined) sum += count * weight + constraint.maxSkew - 1;
  }
  return Math.round(sum);
}

function count(
  cycle: Cycle,
  constraint: SpreadConstraint,
  candidates: readonly NodeState[],
  isIgnored: (node: NodeState) => boolean,
): Counted {
  const { topologyKey, group } = constraint;
  const { byNode } = cycle.cluster.counters.of([group], { ignoresTerminating: true });
  const weightOf = (domainCount: number): number => Math.log(domainCount + 2);
  if (topologyKey === HOSTNAME) {
    const countOf = (node: NodeState): number | undefined =>
      node.labels[topologyKey] === undefined ? undefined : (byNode.get(node) ?? 0);
    return { constraint, weight: weightOf(candidates.length), countOf };
  }
  const domains = new Map<string, number>();
  for (const { labels } of candidates) {
    const domain = labels[topologyKey];
    if (domain !== undefined) domains.set(domain, 0);
  }
  for (const [node, pods] of byNode) {
    const domain = node.labels[topologyKey];
    const sum = domain === undefined ? undefined : domains.get(domain);
    if (domain === undefined || sum === undefined || isIgnored(node)) continue;
    if (isEligible(cycle, constraint, node)) domains.set(domain, sum + pods);
  }
  const countOf = (node: NodeState): number | undefined => {
    const domain = node.labels[topologyKey];
    return domain === undefined ? undefined : domains.get(domain);
  };
  return { constraint, weight: weightOf(domains.size), countOf };
}
