/** Says why a pod has no node: first in upstream's words, which people search for; then node by node. */
import type { Diagnosis, NodeRejection } from "./pick-node.ts";

/** Up to this many nodes, each gets its own reasons with figures; beyond, nodes are named by reason. */
const MAX_NODES_IN_FULL = 10;
const MAX_NODES_NAMED = 3;
/** Events hold 1,024 characters; the summary of a sane cluster needs a third of that. */
const MAX_CHARACTERS = 1_000;

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: … Nodes: a:
 * Insufficient cpu (2 requested, 500m of 4 free); …`. At most {@link MAX_CHARACTERS} long.
 */
export function fitMessage(diagnosis: Diagnosis, preemption: string): string {
  const summary = [summaryOf(diagnosis), preemption].filter((part) => part !== "").join(" ");
  return bounded(`${summary}${nodesOf(diagnosis)}`);
}

function summaryOf({ nodeCount, byNode, everywhere }: Diagnosis): string {
  if (nodeCount === 0) return "no nodes available to schedule pods";
  const head = `0/${nodeCount} nodes are available:`;
  if (everywhere !== undefined) return `${head} ${everywhere.message}.`;
  return `${head} ${histogram([...byNode.values()].flatMap(({ reasons }) => reasons))}.`;
}

/** `1 Insufficient cpu, 2 node(s) were unschedulable`, as upstream sorts it: by text. */
export function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(", ");
}

function nodesOf({ byNode, everywhere }: Diagnosis): string {
  if (everywhere !== undefined || byNode.size === 0) return "";
  const parts = byNode.size <= MAX_NODES_IN_FULL ? oneByOne(byNode) : byReason(byNode);
  return ` Nodes: ${parts.join("; ")}.`;
}

type ByNode = Diagnosis["byNode"];

const oneByOne = (byNode: ByNode): string[] =>
  [...byNode]
    .map(([{ name }, { details, reasons }]) => `${name}: ${(details ?? reasons).join(", ")}`)
    .sort();

function byReason(byNode: ByNode): string[] {
  const names = new Map<string, string[]>();
  for (const [{ name }, rejection] of byNode) {
    const reason = shared(rejection);
    const there = names.get(reason);
    if (there === undefined) names.set(reason, [name]);
    else there.push(name);
  }
  return [...names]
    .sort(([, a], [, b]) => a.length - b.length)
    .map(([reason, nodes]) => {
      const more = nodes.length - MAX_NODES_NAMED;
      const named = nodes.sort().slice(0, MAX_NODES_NAMED).join(", ");
      return `${named}${more > 0 ? ` and ${more} more` : ""}: ${reason}`;
    });
}
const shared = ({ reasons }: NodeRejection): string => reasons.join(", ");

function bounded(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
}
