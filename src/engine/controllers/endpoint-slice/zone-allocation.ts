/** Gives each zone its share of a Service's endpoints, by the cores of the zone (KEP-2433). Pure. */
import type { Endpoint } from "../../../kube/kinds/endpointslice.ts";

/** How much more than the average an endpoint may get before hints do more harm than good. */
const OVERLOAD_THRESHOLD = 0.2;

/**
 * The zone whose clients use each endpoint: its own, but for those that make up for zones which have
 * too few. Undefined when no fair share exists: fewer than two zones, fewer endpoints than zones, an
 * endpoint without a zone, or every split would overload some endpoint.
 */
export function allocateZones(
  ready: readonly Endpoint[],
  coresByZone: ReadonlyMap<string, number>,
): ReadonlyMap<Endpoint, string> | undefined {
  const total = [...coresByZone.values()].reduce((sum, cores) => sum + cores, 0);
  const zones = [...coresByZone.keys()].sort();
  if (zones.length < 2 || total <= 0 || zones.length > ready.length) return undefined;
  const minimum = new Map(
    zones.map((zone) => {
      const desired = ((coresByZone.get(zone) ?? 0) / total) * ready.length;
      return [zone, Math.max(1, Math.ceil(desired / (1 + OVERLOAD_THRESHOLD)))];
    }),
  );
  if ([...minimum.values()].reduce((sum, count) => sum + count, 0) > ready.length) return undefined;

  const members = new Map<string, Endpoint[]>(zones.map((zone) => [zone, []]));
  // Always in the same order, so that one change moves few hints.
  for (const endpoint of [...ready].sort(byIdentity)) {
    const own = endpoint.zone === undefined ? undefined : members.get(endpoint.zone);
    if (own === undefined) return undefined;
    own.push(endpoint);
  }
  const surplus = (zone: string): number =>
    (members.get(zone)?.length ?? 0) - (minimum.get(zone) ?? 0);
  for (const poor of zones)
    while (surplus(poor) < 0) {
      const rich = zones.reduce((best, zone) => (surplus(zone) > surplus(best) ? zone : best));
      const given = members.get(rich)?.pop();
      if (given === undefined) return undefined;
      members.get(poor)?.push(given);
    }
  return new Map(
    [...members].flatMap(([zone, endpoints]) => endpoints.map((each) => [each, zone] as const)),
  );
}

function byIdentity(a: Endpoint, b: Endpoint): number {
  return identity(a) < identity(b) ? -1 : 1;
}
const identity = ({ targetRef, addresses }: Endpoint): string =>
  `${targetRef?.uid ?? ""} ${addresses[0] ?? ""}`;
