/**
 * Whether a pod can run on a node: an ordered list of rules, each of which returns why not. The
 * reasons are worded as upstream's, since people search for them.
 */
import type { Pod } from "../../kube/kinds/pod.ts";
import { matchesRequired } from "./node-selection.ts";
import type { NodeState } from "./node-state.ts";
import type { HostPort, PodRequests } from "./pod-requests.ts";
import { tolerates, untoleratedTaint } from "./tolerations.ts";

export interface Candidate {
  readonly pod: Pod;
  readonly requests: PodRequests;
}
/** Why the pod cannot run there; none when it can. */
export type Filter = (candidate: Candidate, node: NodeState) => readonly string[];

const PASSES: readonly string[] = [];
const UNSCHEDULABLE_TAINT = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const unschedulable: Filter = ({ requests }, node) =>
  !node.isUnschedulable || tolerates(requests.tolerations, UNSCHEDULABLE_TAINT)
    ? PASSES
    : ["node(s) were unschedulable"];

const nodeName: Filter = ({ pod }, node) => {
  const { nodeName: wanted = "" } = pod.spec ?? {};
  return wanted === "" || wanted === node.name
    ? PASSES
    : ["node(s) didn't match the requested node name"];
};

const taints: Filter = ({ requests }, node) => {
  const taint = untoleratedTaint(requests.tolerations, node.taints);
  return taint === undefined
    ? PASSES
    : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`];
};

const affinity: Filter = ({ pod }, node) =>
  matchesRequired(pod.spec, node) ? PASSES : ["node(s) didn't match Pod's node affinity/selector"];

const ports: Filter = ({ requests }, node) => {
  for (const wanted of requests.hostPorts)
    for (const used of node.hostPorts)
      if (clash(wanted, used))
        return ["node(s) didn't have free ports for the requested pod ports"];
  return PASSES;
};

const EVERY_ADDRESS = "0.0.0.0";
const clash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port &&
  a.protocol === b.protocol &&
  (a.hostIP === b.hostIP || a.hostIP === EVERY_ADDRESS || b.hostIP === EVERY_ADDRESS);

const resources: Filter = ({ requests }, node) => {
  const reasons: string[] = [];
  const { allocatable, requested } = node;
  const { milliCpu, memoryBytes, others } = requests.resources;
  if (node.podCount + 1 > node.maxPods) reasons.push("Too many pods");
  if (milliCpu > 0 && milliCpu > allocatable.milliCpu - requested.milliCpu)
    reasons.push("Insufficient cpu");
  if (memoryBytes > 0 && memoryBytes > allocatable.memoryBytes - requested.memoryBytes)
    reasons.push("Insufficient memory");
  for (const name in others) {
    const free = (allocatable.others[name] ?? 0) - (requested.others[name] ?? 0);
    if ((others[name] ?? 0) > free) reasons.push(`Insufficient ${name}`);
  }
  return reasons;
};

/** The order is upstream's: cheap and telling ones first. */
const FILTERS: readonly Filter[] = [unschedulable, nodeName, taints, affinity, ports, resources];

/** The reasons of the first rule that the node fails. */
export function rejection(candidate: Candidate, node: NodeState): readonly string[] {
  for (const filter of FILTERS) {
    const reasons = filter(candidate, node);
    if (reasons.length > 0) return reasons;
  }
  return PASSES;
}
