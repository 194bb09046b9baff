/**
 * What upstream's documentation says about where a pod may go, written down as plainly as possible:
 * every question is answered from scratch by looking at all pods and all nodes. Slow, and the measure
 * of the scheduler's counters and indexes.
 */
import type {
  NodeSelectorTerm,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "kubernetes-types/core/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { Node } from "../../../src/kube/kinds/node.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";

type Labels = Readonly<Record<string, string>>;
export interface World {
  readonly nodes: readonly Node[];
  readonly placed: readonly { readonly pod: Pod; readonly nodeName: string }[];
  readonly namespaces: Readonly<Record<string, Labels>>;
}

const nodeLabels = (node: Node): Labels => node.metadata.labels ?? {};
const podLabels = (pod: Pod): Labels => pod.metadata.labels ?? {};

function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? [])
    if (!holds(labels[key], operator, values)) return false;
  return true;
}

function holds(value: string | undefined, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && /^\d+$/.test(value) && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && /^\d+$/.test(value) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** The plug-in that keeps the pod off the node; undefined when it may go there. */
export function naiveRejection(pod: Pod, node: Node, world: World): string | undefined {
  if (node.spec?.unschedulable === true && !toleratesCordon(pod)) return "NodeUnschedulable";
  if (!toleratesAll(pod, node)) return "TaintToleration";
  if (!selectsNode(pod, node)) return "NodeAffinity";
  if (portTaken(pod, node, world)) return "NodePorts";
  if (!hasRoom(pod, node, world)) return "NodeResourcesFit";
  if (!spreads(pod, node, world)) return "PodTopologySpread";
  if (!affine(pod, node, world)) return "InterPodAffinity";
  return undefined;
}

const toleratesCordon = (pod: Pod): boolean =>
  tolerated(pod, { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" });

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}
function tolerated(pod: Pod, taint: Taint): boolean {
  for (const { key, operator, value, effect } of pod.spec?.tolerations ?? []) {
    const effectFits = effect === undefined || effect === taint.effect;
    const keyFits = key === undefined || key === taint.key;
    const valueFits = operator === "Exists" || (value ?? "") === (taint.value ?? "");
    if (effectFits && keyFits && valueFits && (key !== undefined || operator === "Exists"))
      return true;
  }
  return false;
}
const toleratesAll = (pod: Pod, node: Node): boolean =>
  (node.spec?.taints ?? []).every(
    (taint) => taint.effect === "PreferNoSchedule" || tolerated(pod, taint),
  );

function selectsNode(pod: Pod, node: Node): boolean {
  const { nodeSelector = {}, affinity } = pod.spec ?? {};
  for (const [key, value] of Object.entries(nodeSelector))
    if (nodeLabels(node)[key] !== value) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some((term) => termSelects(term, node));
}
function termSelects(term: NodeSelectorTerm, node: Node): boolean {
  const labels = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (labels.length + fields.length === 0) return false;
  return (
    labels.every(({ key, operator, values }) =>
      holds(nodeLabels(node)[key], operator, values ?? []),
    ) && fields.every(({ operator, values }) => holds(node.metadata.name, operator, values ?? []))
  );
}

const on = (node: Node, world: World): readonly Pod[] =>
  world.placed.filter(({ nodeName }) => nodeName === node.metadata.name).map(({ pod }) => pod);

const hostPorts = (pod: Pod) =>
  (pod.spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort }) => hostPort !== undefined);
function portTaken(pod: Pod, node: Node, world: World): boolean {
  const every = (ip: string | undefined): boolean => ip === undefined || ip === "0.0.0.0";
  for (const used of on(node, world).flatMap(hostPorts))
    for (const wanted of hostPorts(pod))
      if (
        used.hostPort === wanted.hostPort &&
        (used.protocol ?? "TCP") === (wanted.protocol ?? "TCP") &&
        (every(used.hostIP) || every(wanted.hostIP) || used.hostIP === wanted.hostIP)
      )
        return true;
  return false;
}

const cpuOf = (pod: Pod): number =>
  (pod.spec?.containers ?? []).reduce(
    (sum, { resources }) => sum + Number(resources?.requests?.["cpu"] ?? 0),
    0,
  );
function hasRoom(pod: Pod, node: Node, world: World): boolean {
  const there = on(node, world);
  const { cpu = "0", pods = "0" } = node.status?.allocatable ?? {};
  if (there.length + 1 > Number(pods)) return false;
  const used = there.reduce((sum, other) => sum + cpuOf(other), 0);
  return cpuOf(pod) === 0 || used + cpuOf(pod) <= Number(cpu);
}

function spreads(pod: Pod, node: Node, world: World): boolean {
  const hard = (pod.spec?.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule",
  );
  return hard.every((constraint) => spreadsBy(constraint, hard, pod, node, world));
}

function spreadsBy(
  constraint: TopologySpreadConstraint,
  all: readonly TopologySpreadConstraint[],
  pod: Pod,
  node: Node,
  world: World,
): boolean {
  const { topologyKey, maxSkew, minDomains = 1, matchLabelKeys = [] } = constraint;
  const own = nodeLabels(node)[topologyKey];
  if (own === undefined) return false;
  const counted = (other: Pod): boolean =>
    other.metadata.deletionTimestamp === undefined &&
    other.metadata.namespace === pod.metadata.namespace &&
    isMeant(other);
  const isMeant = (other: Pod): boolean =>
    selects(constraint.labelSelector, podLabels(other)) &&
    matchLabelKeys.every((key) => {
      const value = podLabels(pod)[key];
      return value === undefined || podLabels(other)[key] === value;
    });
  const counts = new Map<string, number>();
  for (const each of world.nodes) {
    const domain = nodeLabels(each)[topologyKey];
    if (domain === undefined) continue;
    if (all.some(({ topologyKey: key }) => nodeLabels(each)[key] === undefined)) continue;
    if (constraint.nodeAffinityPolicy !== "Ignore" && !selectsNode(pod, each)) continue;
    if (constraint.nodeTaintsPolicy === "Honor" && !toleratesAll(pod, each)) continue;
    counts.set(domain, (counts.get(domain) ?? 0) + on(each, world).filter(counted).length);
  }
  const fewest = counts.size < minDomains ? 0 : Math.min(...counts.values());
  const self = isMeant(pod) ? 1 : 0;
  return (counts.get(own) ?? 0) + self - fewest <= maxSkew;
}

function means(term: PodAffinityTerm, carrier: Pod, other: Pod, world: World): boolean {
  const { namespaces = [], namespaceSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const where = other.metadata.namespace ?? "";
  const isThere =
    namespaces.length === 0 && namespaceSelector === undefined
      ? where === carrier.metadata.namespace
      : namespaces.includes(where) || selects(namespaceSelector, world.namespaces[where] ?? {});
  if (!isThere || !selects(term.labelSelector, podLabels(other))) return false;
  const mine = podLabels(carrier);
  const theirs = podLabels(other);
  return (
    matchLabelKeys.every((key) => mine[key] === undefined || theirs[key] === mine[key]) &&
    mismatchLabelKeys.every((key) => mine[key] === undefined || theirs[key] !== mine[key])
  );
}

const required = (pod: Pod, kind: "podAffinity" | "podAntiAffinity"): readonly PodAffinityTerm[] =>
  pod.spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];

function affine(pod: Pod, node: Node, world: World): boolean {
  const labelsOf = (name: string): Labels => {
    const found = world.nodes.find(({ metadata }) => metadata.name === name);
    return found === undefined ? {} : nodeLabels(found);
  };
  const sameDomain = (key: string, otherNode: string): boolean => {
    const value = nodeLabels(node)[key];
    return value !== undefined && labelsOf(otherNode)[key] === value;
  };
  for (const { pod: other, nodeName } of world.placed)
    for (const term of required(other, "podAntiAffinity"))
      if (means(term, other, pod, world) && sameDomain(term.topologyKey, nodeName)) return false;
  for (const term of required(pod, "podAntiAffinity"))
    for (const { pod: other, nodeName } of world.placed)
      if (means(term, pod, other, world) && sameDomain(term.topologyKey, nodeName)) return false;
  const terms = required(pod, "podAffinity");
  if (terms.length === 0) return true;
  if (terms.some(({ topologyKey }) => nodeLabels(node)[topologyKey] === undefined)) return false;
  const meant = world.placed.filter(({ pod: other }) =>
    terms.every((term) => means(term, pod, other, world)),
  );
  const isSomewhere = meant.some(({ nodeName }) =>
    terms.some(({ topologyKey }) => labelsOf(nodeName)[topologyKey] !== undefined),
  );
  if (!isSomewhere && terms.every((term) => means(term, pod, pod, world))) return true;
  return terms.every(({ topologyKey }) =>
    meant.some(({ nodeName }) => sameDomain(topologyKey, nodeName)),
  );
}
