/** Required affinity and anti-affinity between pods: what the pod demands, and what others demand of it. */
import type { Cycle, FilterPlugin, NodeFilter, Rejection } from "../framework.ts";
import { byDomain } from "../topology/match-counters.ts";
import { belongs, type Grouped, type NamespaceLabels } from "../topology/pod-group.ts";
import type { PodTerm } from "../topology/pod-terms.ts";

const NO_AFFINITY: Rejection = {
  reasons: ["node(s) didn't match pod affinity rules"],
  isFinal: true,
};
const OWN_ANTI: Rejection = { reasons: ["node(s) didn't match pod anti-affinity rules"] };
const THEIR_ANTI: Rejection = {
  reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"],
};

export const affinityFilter: FilterPlugin = {
  name: "InterPodAffinity",
  isLocal: false,
  prepare: (cycle) => {
    const checks = [affinity(cycle), ownAnti(cycle), theirAnti(cycle)].filter(
      (check) => check !== undefined,
    );
    if (checks.length === 0) return undefined;
    return (node) => {
      for (const check of checks) {
        const rejection = check(node);
        if (rejection !== undefined) return rejection;
      }
      return undefined;
    };
  },
  mayHelp: (event, { info, cluster: { namespaceLabels } }) => {
    const { required, requiredAnti } = info.terms;
    if (event.type === "namespace") return true;
    // A new node may be a new domain; a changed one may have become part of another.
    if (event.type === "node" || event.type === "node gone") return true;
    if (event.type === "volumes") return false;
    const { pod } = event;
    const theirs = { namespace: pod.info.namespace, labels: pod.labels };
    const concern = (terms: readonly PodTerm[], whom: Grouped): boolean =>
      terms.some(({ group }) => belongs(group, whom, namespaceLabels));
    if (event.type === "pod placed") return concern(required, theirs);
    return concern(requiredAnti, theirs) || concern(pod.info.terms.requiredAnti, info);
  },
};

/**
 * In each term's domain there must be a pod that all terms mean. The first of a group that wants to
 * be together goes anywhere: else it would wait for itself.
 */
function affinity({ info, cluster }: Cycle): NodeFilter | undefined {
  const { required } = info.terms;
  if (required.length === 0) return undefined;
  const counter = cluster.counters.of(required.map(({ group }) => group));
  const domains = required.map(({ topologyKey }) => byDomain(counter, topologyKey));
  const isFirst =
    domains.every((counts) => counts.size === 0) &&
    meansItself(required, info, cluster.namespaceLabels);
  return (node) => {
    for (const [index, { topologyKey }] of required.entries()) {
      const domain = node.labels[topologyKey];
      if (domain === undefined) return NO_AFFINITY;
      if (!isFirst && domains[index]?.has(domain) !== true) return NO_AFFINITY;
    }
    return undefined;
  };
}

const meansItself = (
  terms: readonly PodTerm[],
  info: Grouped,
  namespaceLabels: NamespaceLabels,
): boolean => terms.every(({ group }) => belongs(group, info, namespaceLabels));

function ownAnti({ info, cluster }: Cycle): NodeFilter | undefined {
  const { requiredAnti } = info.terms;
  if (requiredAnti.length === 0) return undefined;
  const all = requiredAnti.map(({ group, topologyKey }) => ({
    topologyKey,
    domains: byDomain(cluster.counters.of([group]), topologyKey),
  }));
  return (node) => {
    for (const { topologyKey, domains } of all) {
      const domain = node.labels[topologyKey];
      if (domain !== undefined && domains.has(domain)) return OWN_ANTI;
    }
    return undefined;
  };
}

function theirAnti({ info, cluster }: Cycle): NodeFilter | undefined {
  const forbidden = new Map<string, Set<string>>();
  for (const { pull, topologyKey, byNode } of cluster.carried.about(info)) {
    if (pull !== "keeps off") continue;
    let domains = forbidden.get(topologyKey);
    if (domains === undefined) forbidden.set(topologyKey, (domains = new Set()));
    for (const node of byNode.keys()) {
      const domain = node.labels[topologyKey];
      if (domain !== undefined) domains.add(domain);
    }
  }
  if (forbidden.size === 0) return undefined;
  return (node) => {
    for (const [topologyKey, domains] of forbidden) {
      const domain = node.labels[topologyKey];
      if (domain !== undefined && domains.has(domain)) return THEIR_ANTI;
    }
    return undefined;
  };
}
