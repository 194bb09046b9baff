/**
 * Whom to ask to leave so that a more important pod fits, as upstream's DefaultPreemption: on each
 * node that could do, the fewest and least important pods; then the node where that hurts least.
 */
import { histogram } from "../fit-message.ts";
import type { Cycle, FilterPlugin } from "../framework.ts";
import type { NodeState, PlacedPod } from "../node-state.ts";
import { type Diagnosis, rejectionOn } from "../pick-node.ts";
import { type Budget, violating } from "./disruption-budgets.ts";
import { type Candidate, leastHarmful } from "./least-harmful.ts";

export type Preemption =
  | { readonly kind: "victims"; readonly node: NodeState; readonly victims: readonly PlacedPod[] }
  /** Others are leaving already. */
  | { readonly kind: "waiting"; readonly message: string }
  /** Nobody is to leave; why, in upstream's words. */
  | { readonly kind: "none"; readonly message: string };

export interface PreemptionOptions {
  readonly filters: readonly FilterPlugin[];
  readonly budgets: readonly Budget[];
  /** Yields [0, 1): where among the nodes the search begins. */
  readonly random: () => number;
}

/** Upstream's minCandidateNodesPercentage and minCandidateNodesAbsolute. */
const CANDIDATE_PERCENTAGE = 10;
const MIN_CANDIDATES = 100;
/** Times that filters are run for one pod, so that no pod takes long: a hundred nodes with 20 pods each. */
const MAX_TRIALS = 2_000;

const NOT_HELPFUL = "Preemption is not helpful for scheduling";
const NO_VICTIMS = "No preemption victims found for incoming pod";

export function findVictims(
  cycle: Cycle,
  diagnosis: Diagnosis,
  options: PreemptionOptions,
): Preemption {
  const { info, cluster, uid } = cycle;
  if (!info.mayPreempt) return none("not eligible due to preemptionPolicy=Never.");
  const nominated = cluster.nominations.get(uid);
  if (nominated !== undefined && isMakingRoom(cluster.node(nominated.nodeName), info.priority))
    return {
      ...none("not eligible due to a terminating pod on the nominated node."),
      kind: "waiting",
    };
  const { nodeCount, everywhere } = diagnosis;
  const reasons: string[] = [];
  const hopeful: NodeState[] = [];
  for (const [node, { isFinal }] of diagnosis.byNode)
    if (isFinal === true) reasons.push(NOT_HELPFUL);
    else hopeful.push(node);
  if (everywhere !== undefined) for (let n = 0; n < nodeCount; n++) reasons.push(NOT_HELPFUL);
  const candidates: Candidate[] = [];
  // Without anybody less important there is nothing to try out.
  if (cluster.lowestPriority >= info.priority) for (const _ of hopeful) reasons.push(NO_VICTIMS);
  else candidates.push(...tryOut(cycle, hopeful, nodeCount, options, reasons));
  const best = leastHarmful(candidates);
  if (best !== undefined) return { kind: "victims", node: best.node, victims: best.victims };
  if (nodeCount === 0) return none("");
  return none(`0/${nodeCount} nodes are available: ${histogram(reasons)}.`);
}

const none = (message: string): Extract<Preemption, { kind: "none" }> => ({
  kind: "none",
  message: message === "" ? "" : `preemption: ${message}`,
});

/** Somebody less important is leaving already: to wait is enough. */
function isMakingRoom(node: NodeState | undefined, priority: number): boolean {
  for (const pod of node?.pods.values() ?? [])
    if (pod.isTerminating && pod.info.priority < priority) return true;
  return false;
}

function tryOut(
  cycle: Cycle,
  nodes: readonly NodeState[],
  nodeCount: number,
  options: PreemptionOptions,
  reasons: string[],
): Candidate[] {
  const wanted = Math.max(MIN_CANDIDATES, Math.floor((nodeCount * CANDIDATE_PERCENTAGE) / 100));
  const start = Math.floor(options.random() * nodes.length);
  const found: Candidate[] = [];
  const trials = { left: MAX_TRIALS };
  for (let looked = 0; looked < nodes.length && found.length < wanted; looked++) {
    const node = nodes[(start + looked) % nodes.length];
    if (node === undefined || trials.left <= 0) break;
    const result = victimsOn(cycle, node, options, trials);
    if (Array.isArray(result)) reasons.push(...(result as readonly string[]));
    else found.push(result as Candidate);
  }
  return found;
}

/** Removes everybody less important, then lets back whom there is still room for. */
function victimsOn(
  cycle: Cycle,
  node: NodeState,
  { filters, budgets }: PreemptionOptions,
  trials: { left: number },
): Candidate | readonly string[] {
  const { cluster, info } = cycle;
  const lower = [...node.pods.values()].filter((pod) => pod.info.priority < info.priority);
  if (lower.length === 0) return [NO_VICTIMS];
  const { version } = cluster;
  const gone = new Set<PlacedPod>();
  const remove = (pod: PlacedPod): void => {
    cluster.remove(pod);
    gone.add(pod);
  };
  const putBack = (pod: PlacedPod): void => {
    cluster.add(pod);
    gone.delete(pod);
  };
  try {
    for (const pod of lower) remove(pod);
    trials.left--;
    const rejection = rejectionOn(filters, cycle, node);
    if (rejection !== undefined) return rejection.reasons;
    // Who is leaving anyway is no loss.
    const staying = lower.filter((pod) => !pod.isTerminating).sort(byImportance);
    const beyond = violating(staying, budgets);
    const inOrder = [
      ...staying.filter((pod) => beyond.has(pod)),
      ...staying.filter((pod) => !beyond.has(pod)),
    ];
    const victims: PlacedPod[] = [];
    for (const pod of inOrder) {
      putBack(pod);
      trials.left--;
      if (rejectionOn(filters, cycle, node) === undefined) continue;
      remove(pod);
      victims.push(pod);
    }
    return {
      node,
      victims: victims.sort(byImportance),
      violations: victims.filter((pod) => beyond.has(pod)).length,
    };
  } finally {
    for (const pod of gone) putBack(pod);
    cluster.version = version;
  }
}

/** More important first; of equals, who has run for longer. */
function byImportance(a: PlacedPod, b: PlacedPod): number {
  if (a.info.priority !== b.info.priority) return b.info.priority - a.info.priority;
  return sinceOf(a) < sinceOf(b) ? -1 : sinceOf(a) > sinceOf(b) ? 1 : 0;
}
/** Who has not begun has run for the shortest. */
const sinceOf = ({ startTime }: PlacedPod): string => (startTime === "" ? "~" : startTime);
