/**
 * Which endpoints are meant for clients of which zone or node: `spec.trafficDistribution` (KEP-4444,
 * KEP-3015) and the annotation `service.kubernetes.io/topology-mode: Auto` (KEP-2433). Pure.
 */
import type { Endpoint } from "../../../kube/kinds/endpointslice.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import type { EndpointGroup } from "./slice-plan.ts";
import { allocateZones } from "./zone-allocation.ts";

const MODE_ANNOTATIONS = [
  "service.kubernetes.io/topology-mode",
  "service.kubernetes.io/topology-aware-hints",
];

/** What is known of the nodes. */
export interface Topology {
  zoneOf(nodeName: string): string | undefined;
  /**
   * Cores of the nodes that clients run on, by zone. Undefined while a ready node has no zone or
   * no cores: then nobody can say what a fair share is.
   */
  coresByZone(): ReadonlyMap<string, number> | undefined;
}

/** Whether endpoints are spread over zones by the cores there. */
export function isZoneAware({ metadata: { annotations = {} } }: Service): boolean {
  return MODE_ANNOTATIONS.some((name) => annotations[name]?.toLowerCase() === "auto");
}

/** The same groups, their endpoints with the zones that they are in, and hints where asked for. */
export function withTopology(
  service: Service,
  groups: readonly EndpointGroup[],
  topology: Topology,
): readonly EndpointGroup[] {
  const placed = groups.map((group) => ({
    ...group,
    endpoints: group.endpoints.map((endpoint) => inZone(endpoint, topology)),
  }));
  if (isZoneAware(service)) return withAllocatedZones(placed, topology);
  const distribution = service.spec?.trafficDistribution;
  if (distribution === undefined || distribution === "") return placed;
  const forNodes = distribution === "PreferSameNode";
  return placed.map((group) => ({
    ...group,
    endpoints: group.endpoints.map((endpoint) => withOwnPlace(endpoint, forNodes)),
  }));
}

function inZone(endpoint: Endpoint, topology: Topology): Endpoint {
  const zone = endpoint.nodeName === undefined ? undefined : topology.zoneOf(endpoint.nodeName);
  return zone === undefined ? endpoint : { ...endpoint, zone };
}

function withOwnPlace(endpoint: Endpoint, forNodes: boolean): Endpoint {
  const { zone, nodeName, conditions } = endpoint;
  if (conditions?.ready !== true) return endpoint;
  const hints = {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(forNodes && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}),
  };
  return Object.keys(hints).length === 0 ? endpoint : { ...endpoint, hints };
}

/** All or none: a proxy that misses one hint ignores all of them. */
function withAllocatedZones(
  groups: readonly EndpointGroup[],
  topology: Topology,
): readonly EndpointGroup[] {
  const ready = groups.flatMap(({ endpoints }) =>
    endpoints.filter(({ conditions }) => conditions?.ready === true),
  );
  const cores = topology.coresByZone();
  const zones = cores === undefined ? undefined : allocateZones(ready, cores);
  if (zones === undefined) return groups;
  return groups.map((group) => ({
    ...group,
    endpoints: group.endpoints.map((endpoint) => {
      const zone = zones.get(endpoint);
      return zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } };
    }),
  }));
}
