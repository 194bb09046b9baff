/** Chooses a node for a pod, pure: filter, score, take the best; or say of each node why not. */
import {
  type Cycle,
  type FilterPlugin,
  isPodRejection,
  type NodeFilter,
  type Rejection,
  type ScorePlugin,
} from "./framework.ts";
import type { NodeState } from "./node-state.ts";

export interface NodeRejection extends Rejection {
  readonly plugin: string;
}
/** Why a pod has no node. */
export interface Diagnosis {
  readonly nodeCount: number;
  readonly byNode: ReadonlyMap<NodeState, NodeRejection>;
  /** Given when the pod itself is the reason. */
  readonly everywhere?: { readonly plugin: string; readonly message: string };
}
export type Choice =
  | { readonly node: NodeState /** Where the next search should begin. */; readonly next: number }
  | { readonly diagnosis: Diagnosis };

export interface Plugins {
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
}
export interface SearchOptions {
  /** The search begins here, so that all nodes get their turn. @default 0 */
  readonly start?: number;
  /** Part of the nodes to find feasible before choosing among them. @default depends on their number */
  readonly percentageOfNodesToScore?: number;
  /** Yields [0, 1) for ties. @default Math.random */
  readonly random?: () => number;
}

/** Below this many nodes all are looked at. */
const MIN_FEASIBLE = 100;
const MIN_PERCENTAGE = 5;

/**
 * Enough feasible nodes to choose well from: half of them, and ever fewer the more there are
 * (upstream's `numFeasibleNodesToFind`).
 */
export function feasibleWanted(nodeCount: number, percentage = 0): number {
  if (nodeCount <= MIN_FEASIBLE) return MIN_FEASIBLE;
  const part = percentage > 0 ? percentage : Math.max(MIN_PERCENTAGE, 50 - nodeCount / 125);
  return Math.max(MIN_FEASIBLE, Math.floor((nodeCount * part) / 100));
}

export function pickNode(plugins: Plugins, cycle: Cycle, options: SearchOptions = {}): Choice {
  const { nodes } = cycle.cluster;
  const { start = 0, random = Math.random } = options;
  const nodeCount = nodes.length;
  const search = prepareSearch(plugins.filters, cycle);
  if ("everywhere" in search) {
    const { plugin, everywhere: message } = search;
    return { diagnosis: { nodeCount, byNode: new Map(), everywhere: { plugin, message } } };
  }
  const nominated = nominatedNode(cycle);
  if (nominated !== undefined && search.reject(nominated) === undefined)
    return { node: nominated, next: start };
  const wanted = feasibleWanted(nodeCount, options.percentageOfNodesToScore);
  const feasible: NodeState[] = [];
  let looked = 0;
  for (; looked < nodeCount && feasible.length < wanted; looked++) {
    const node = nodes[(start + looked) % nodeCount];
    if (node !== undefined && search.reject(node) === undefined) feasible.push(node);
  }
  const node = best(plugins.scores, cycle, feasible, random);
  if (node === undefined) return { diagnosis: { nodeCount, byNode: allRejections(search, nodes) } };
  return { node, next: (start + looked) % nodeCount };
}

/** Asked for anew, since a pod that fits, which is the usual case, has no use for them. */
function allRejections(search: Search, nodes: readonly NodeState[]): Diagnosis["byNode"] {
  const byNode = new Map<NodeState, NodeRejection>();
  for (const node of nodes) {
    const found = search.reject(node);
    if (found !== undefined) byNode.set(node, { ...found.rejection, plugin: found.plugin });
  }
  return byNode;
}

/** Room was made for the pod there. */
function nominatedNode({ cluster, uid }: Cycle): NodeState | undefined {
  const nomination = cluster.nominations.get(uid);
  return nomination !== undefined && cluster.has(nomination.nodeName)
    ? cluster.node(nomination.nodeName)
    : undefined;
}

interface Found {
  readonly plugin: string;
  readonly rejection: Rejection;
}
interface Search {
  readonly reject: (node: NodeState) => Found | undefined;
}
interface Step {
  readonly plugin: FilterPlugin;
  readonly filter: NodeFilter;
}

function prepareSearch(
  filters: readonly FilterPlugin[],
  cycle: Cycle,
): Search | { readonly plugin: string; readonly everywhere: string } {
  const steps: Step[] = [];
  for (const plugin of filters) {
    const prepared = plugin.prepare(cycle);
    if (prepared === undefined) continue;
    if (isPodRejection(prepared)) return { plugin: plugin.name, everywhere: prepared.everywhere };
    steps.push({ plugin, filter: prepared });
  }
  const { nominations } = cycle.cluster;
  const plainly = (node: NodeState): Found | undefined => runSteps(steps, node);
  if (nominations.isEmpty) return { reject: plainly };
  return {
    reject: (node) => {
      const kept = nominations.on(node.name, { uid: cycle.uid, priority: cycle.info.priority });
      if (kept.length === 0) return plainly(node);
      // It must fit with those that room is kept for, and without them: they might go elsewhere.
      return withNominated(filters, cycle, node) ?? plainly(node);
    },
  };
}

function runSteps(steps: readonly Step[], node: NodeState): Found | undefined {
  for (const { plugin, filter } of steps) {
    const rejection = filter(node);
    if (rejection !== undefined) return { plugin: plugin.name, rejection };
  }
  return undefined;
}

/** As {@link pickNode} decides for one node, all as it is now. */
export function rejectionOn(
  filters: readonly FilterPlugin[],
  cycle: Cycle,
  node: NodeState,
): NodeRejection | undefined {
  const search = prepareSearch(filters, cycle);
  if ("everywhere" in search)
    return { reasons: [search.everywhere], isFinal: true, plugin: search.plugin };
  const found = search.reject(node);
  return found === undefined ? undefined : { ...found.rejection, plugin: found.plugin };
}

function withNominated(
  filters: readonly FilterPlugin[],
  cycle: Cycle,
  node: NodeState,
): Found | undefined {
  const { cluster, uid, info } = cycle;
  const { version } = cluster;
  const guests = cluster.nominations
    .on(node.name, { uid, priority: info.priority })
    .map((nomination) => cluster.place(nomination.pod, node.name, nomination.info));
  try {
    for (const plugin of filters) {
      const prepared = plugin.prepare(cycle);
      if (prepared === undefined) continue;
      const rejection = isPodRejection(prepared)
        ? { reasons: [prepared.everywhere], isFinal: true }
        : prepared(node);
      if (rejection !== undefined) return { plugin: plugin.name, rejection };
    }
    return undefined;
  } finally {
    for (const guest of guests) cluster.remove(guest);
    cluster.version = version;
  }
}

function best(
  scores: readonly ScorePlugin[],
  cycle: Cycle,
  nodes: readonly NodeState[],
  random: () => number,
): NodeState | undefined {
  if (nodes.length <= 1) return nodes[0];
  const totals = new Float64Array(nodes.length);
  for (const plugin of scores) {
    const given = plugin.score(cycle, nodes);
    if (given === undefined) continue;
    for (let index = 0; index < totals.length; index++)
      totals[index] = (totals[index] ?? 0) + plugin.weight * (given[index] ?? 0);
  }
  let winner: NodeState | undefined;
  let highest = -1;
  let ties = 0;
  for (const [index, node] of nodes.entries()) {
    const total = totals[index] ?? 0;
    if (total > highest) {
      highest = total;
      winner = node;
      ties = 1;
    } else if (total === highest && random() * ++ties < 1) winner = node;
  }
  return winner;
}
