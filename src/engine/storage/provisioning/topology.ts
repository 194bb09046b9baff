/** From which nodes a new volume is to be reachable, and how that is written down. Pure. */
import type { NodeSelectorTerm, TopologySelectorTerm } from "kubernetes-types/core/v1";
import type { Node } from "../../../kube/kinds/node.ts";
import type { Topology } from "../volume-driver.ts";

/** A class may spell out as many places as upstream allows it to: products beyond that are no use. */
const MAX_TOPOLOGIES = 1_000;

/** Each combination of the values of one term: `{a: [1,2], b: [3]}` is `{a:1,b:3}` and `{a:2,b:3}`. */
export function topologiesOf(terms: readonly TopologySelectorTerm[]): readonly Topology[] {
  return terms.flatMap(({ matchLabelExpressions = [] }) => {
    let combinations: Topology[] = [{}];
    for (const { key, values } of matchLabelExpressions)
      combinations = combinations
        .flatMap((topology) => values.map((value) => ({ ...topology, [key]: value })))
        .slice(0, MAX_TOPOLOGIES);
    return combinations;
  });
}

/** The place of a node in the driver's terms; undefined when the node lacks one of the labels. */
export function topologyOfNode(node: Node, keys: readonly string[]): Topology | undefined {
  const topology: Record<string, string> = {};
  for (const key of keys) {
    const value = node.metadata.labels?.[key];
    if (value === undefined) return undefined;
    topology[key] = value;
  }
  return topology;
}

/** Whether the node's place is one of those that the class allows; no list allows all. */
export function isAllowed(node: Node, allowed: readonly Topology[]): boolean {
  return (
    allowed.length === 0 ||
    allowed.some((topology) =>
      Object.entries(topology).every(([key, value]) => node.metadata.labels?.[key] === value),
    )
  );
}

/** The node affinity of a volume that is reachable from there; none for one reachable everywhere. */
export function selectorTerms(places: readonly Topology[]): NodeSelectorTerm[] | undefined {
  if (places.length === 0 || places.some((place) => Object.keys(place).length === 0))
    return undefined;
  return places.map((place) => ({
    matchExpressions: Object.entries(place)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, operator: "In", values: [value] })),
  }));
}
