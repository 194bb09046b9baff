/** How well a pod would run on a node, pure. Each score is 0 to 100; weights are upstream's. */
import { preference } from "./node-selection.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./filters.ts";
import { tolerates } from "./tolerations.ts";

const MAX_SCORE = 100;

/** Absolute scores can be given node by node. */
export function resourceScore({ requests }: Candidate, node: NodeState): number {
  const cpu = share(node.scoredMilliCpu + requests.scored.milliCpu, node.allocatable.milliCpu);
  const memory = share(
    node.scoredMemoryBytes + requests.scored.memoryBytes,
    node.allocatable.memoryBytes,
  );
  return leastAllocated(cpu, memory) + balanced(cpu, memory);
}

const share = (used: number, total: number): number => (total > 0 ? Math.min(1, used / total) : 1);
/** More room left is better. */
const leastAllocated = (cpu: number, memory: number): number =>
  Math.floor((MAX_SCORE * (1 - cpu + (1 - memory))) / 2);
/** CPU and memory used up evenly leave more that fits. The standard deviation of two values. */
const balanced = (cpu: number, memory: number): number =>
  Math.floor((1 - Math.abs(cpu - memory) / 2) * MAX_SCORE);

const TAINT_WEIGHT = 3;
const AFFINITY_WEIGHT = 2;

/** Scores relative to the other candidates: preferred node affinity and `PreferNoSchedule` taints. */
export function relativeScores(candidate: Candidate, nodes: readonly NodeState[]): number[] {
  const preferences = nodes.map((node) => preference(candidate.pod.spec, node));
  const unwanted = nodes.map((node) => unwantedTaints(candidate, node));
  const mostPreferred = Math.max(...preferences);
  const mostUnwanted = Math.max(...unwanted);
  return nodes.map((_, index) => {
    const liked = mostPreferred === 0 ? 0 : (preferences[index] ?? 0) / mostPreferred;
    const disliked = mostUnwanted === 0 ? 0 : (unwanted[index] ?? 0) / mostUnwanted;
    return MAX_SCORE * (AFFINITY_WEIGHT * liked + TAINT_WEIGHT * (1 - disliked));
  });
}

const unwantedTaints = ({ requests }: Candidate, node: NodeState): number =>
  node.taints.filter(
    (taint) => taint.effect === "PreferNoSchedule" && !tolerates(requests.tolerations, taint),
  ).length;
