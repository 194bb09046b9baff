/** Chooses a node for a pod, pure: filter, score, take the best; or say why there is none. */
import { type Candidate, rejection } from "./filters.ts";
import type { NodeState } from "./node-state.ts";
import { relativeScores, resourceScore } from "./scores.ts";

export type Choice =
  | { readonly node: NodeState /** Where the next search should begin. */; readonly next: number }
  | { readonly message: string };

/** Below this many nodes all are looked at. */
const MIN_FEASIBLE = 100;

/**
 * Enough feasible nodes to choose well from, as upstream's percentageOfNodesToScore: half of them,
 * and ever fewer the more there are.
 */
export function feasibleWanted(nodeCount: number): number {
  const percentage = Math.max(5, 50 - nodeCount / 125);
  return Math.max(MIN_FEASIBLE, Math.floor((nodeCount * percentage) / 100));
}

/** The search begins at `start`, so that all nodes get their turn. `random` yields [0, 1) for ties. */
export function pickNode(
  candidate: Candidate,
  nodes: readonly NodeState[],
  start = 0,
  random: () => number = Math.random,
): Choice {
  if (nodes.length === 0) return { message: "no nodes available to schedule pods" };
  const wanted = feasibleWanted(nodes.length);
  const feasible: NodeState[] = [];
  const reasons = new Map<string, number>();
  let looked = 0;
  for (; looked < nodes.length && feasible.length < wanted; looked++) {
    const node = nodes[(start + looked) % nodes.length];
    if (node === undefined) continue;
    const rejected = rejection(candidate, node);
    if (rejected.length === 0) feasible.push(node);
    for (const reason of rejected) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const node = best(candidate, feasible, random);
  if (node === undefined) return { message: describe(nodes.length, reasons) };
  return { node, next: (start + looked) % nodes.length };
}

function best(
  candidate: Candidate,
  nodes: readonly NodeState[],
  random: () => number,
): NodeState | undefined {
  if (nodes.length <= 1) return nodes[0];
  const relative = relativeScores(candidate, nodes);
  let winner: NodeState | undefined;
  let highest = -1;
  let ties = 0;
  nodes.forEach((node, index) => {
    const score = resourceScore(candidate, node) + (relative[index] ?? 0);
    if (score > highest) {
      highest = score;
      winner = node;
      ties = 1;
    } else if (score === highest && random() * ++ties < 1) winner = node;
  });
  return winner;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
function describe(nodeCount: number, reasons: ReadonlyMap<string, number>): string {
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(", ")}.`;
}
