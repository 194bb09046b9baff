/** Whether a node has room, by requests; and how much of it would be left. */
import { formatAmount } from "./format-amount.ts";
import {
  type FilterPlugin,
  fitsNow,
  MAX_SCORE,
  type Rejection,
  type ScorePlugin,
} from "../framework.ts";
import type { NodeState } from "../node-state.ts";
import type { PodInfo } from "../pod-info.ts";

export const fitFilter: FilterPlugin = {
  name: "NodeResourcesFit",
  isLocal: true,
  prepare:
    ({ info }) =>
    (node) =>
      lacks(info, node),
  mayHelp: (event, cycle) => {
    if (event.type === "node") return fitsNow(fitFilter, cycle, event.node);
    return event.type === "pod gone" && fitsNow(fitFilter, cycle, event.pod.node);
  },
};

function lacks({ requests: { resources } }: PodInfo, node: NodeState): Rejection | undefined {
  const { allocatable, requested } = node;
  const { milliCpu, memoryBytes, others } = resources;
  // The usual case first, without anything to clear away afterwards.
  const shortOfPods = node.podCount + 1 > node.maxPods;
  const shortOfCpu = milliCpu > 0 && milliCpu > allocatable.milliCpu - requested.milliCpu;
  const shortOfMemory =
    memoryBytes > 0 && memoryBytes > allocatable.memoryBytes - requested.memoryBytes;
  let shortOfOthers = false;
  for (const name in others) {
    const wanted = others[name] ?? 0;
    const free = (allocatable.others[name] ?? 0) - (requested.others[name] ?? 0);
    if (wanted > 0 && wanted > free) shortOfOthers = true;
  }
  return shortOfPods || shortOfCpu || shortOfMemory || shortOfOthers
    ? explain(resources, node)
    : undefined;
}

function explain(resources: PodInfo["requests"]["resources"], node: NodeState): Rejection {
  const { allocatable, requested } = node;
  const reasons: string[] = [];
  const details: string[] = [];
  let isFinal = false;
  const check = (name: string, wanted: number, total: number, used: number): void => {
    if (wanted <= 0 || wanted <= total - used) return;
    const reason = `Insufficient ${name}`;
    reasons.push(reason);
    const figures = [wanted, Math.max(0, total - used), total].map((n) => formatAmount(name, n));
    details.push(`${reason} (${figures[0]} requested, ${figures[1]} of ${figures[2]} free)`);
    if (wanted > total) isFinal = true;
  };
  if (node.podCount + 1 > node.maxPods) {
    reasons.push("Too many pods");
    details.push(`Too many pods (${node.podCount} of ${node.maxPods})`);
  }
  check("cpu", resources.milliCpu, allocatable.milliCpu, requested.milliCpu);
  check("memory", resources.memoryBytes, allocatable.memoryBytes, requested.memoryBytes);
  for (const [name, wanted] of Object.entries(resources.others))
    check(name, wanted, allocatable.others[name] ?? 0, requested.others[name] ?? 0);
  return { reasons, details, isFinal };
}

const share = (used: number, total: number): number => (total > 0 ? Math.min(1, used / total) : 1);

/** CPU and memory in use with the pod there, as parts of what there is. */
function usage({ requests: { scored } }: PodInfo, node: NodeState): [cpu: number, memory: number] {
  return [
    share(node.scoredMilliCpu + scored.milliCpu, node.allocatable.milliCpu),
    share(node.scoredMemoryBytes + scored.memoryBytes, node.allocatable.memoryBytes),
  ];
}

/** More room left is better (LeastAllocated). */
export const fitScore: ScorePlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  score: ({ info }, nodes) =>
    nodes.map((node) => {
      const [cpu, memory] = usage(info, node);
      return Math.floor((MAX_SCORE * (1 - cpu + (1 - memory))) / 2);
    }),
};

/** Less room left is better: pods are packed onto few nodes (MostAllocated). */
export const mostAllocatedScore: ScorePlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  score: ({ info }, nodes) =>
    nodes.map((node) => {
      const [cpu, memory] = usage(info, node);
      return Math.floor((MAX_SCORE * (cpu + memory)) / 2);
    }),
};

/** CPU and memory used up evenly leave more that fits. Of two values the standard deviation. */
export const balancedScore: ScorePlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  score: ({ info }, nodes) =>
    nodes.map((node) => {
      const [cpu, memory] = usage(info, node);
      return Math.floor((1 - Math.abs(cpu - memory) / 2) * MAX_SCORE);
    }),
};
