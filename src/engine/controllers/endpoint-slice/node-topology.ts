/** Zones and cores of the cluster's nodes, as the endpoint slice controller needs them. */
import type { Informer } from "../../../client/informer.ts";
import { findCondition } from "../../../kube/conditions.ts";
import type { Node } from "../../../kube/kinds/node.ts";
import { parseQuantity, QuantityError, quantityToNumber } from "../../../kube/quantity.ts";
import type { Topology } from "./topology-hints.ts";

const ZONE_LABEL = "topology.kubernetes.io/zone";
/** Clients of Services do not run on these. */
const CONTROL_PLANE_LABELS = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
];

export const zoneOf = ({ metadata }: Node): string | undefined =>
  metadata.labels?.[ZONE_LABEL] || undefined;

export function nodeTopology(nodes: Informer<Node>): Topology {
  return {
    zoneOf: (nodeName) => {
      const node = nodes.get(nodeName);
      return node === undefined ? undefined : zoneOf(node);
    },
    coresByZone: () => sumCores(nodes.list()),
  };
}

/** What may change hints of zone aware Services. */
export function capacityKey(node: Node): string {
  return `${zoneOf(node) ?? ""} ${isReady(node)} ${coresOf(node)} ${isControlPlane(node)}`;
}

function sumCores(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const sums = new Map<string, number>();
  for (const node of nodes) {
    if (isControlPlane(node) || !isReady(node)) continue;
    const zone = zoneOf(node);
    const cores = coresOf(node);
    if (zone === undefined || cores <= 0) return undefined;
    sums.set(zone, (sums.get(zone) ?? 0) + cores);
  }
  return sums;
}

const isControlPlane = ({ metadata: { labels = {} } }: Node): boolean =>
  CONTROL_PLANE_LABELS.some((label) => Object.hasOwn(labels, label));
const isReady = ({ status }: Node): boolean =>
  findCondition(status?.conditions, "Ready")?.status === "True";

function coresOf({ status }: Node): number {
  const cpu = status?.allocatable?.cpu;
  if (cpu === undefined) return 0;
  try {
    return quantityToNumber(parseQuantity(cpu));
  } catch (error) {
    // Agents report it, and may report nonsense.
    if (error instanceof QuantityError) return 0;
    throw error;
  }
}
