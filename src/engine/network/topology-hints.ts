/** Which of the ready endpoints a proxy prefers, by the hints that the slices carry. Pure. */

/** Zones and nodes whose clients an endpoint is meant for; empty when it is meant for all. */
export interface Hinted {
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}
/** Where a proxy runs: decides which endpoints are local and which are near. */
export interface Place {
  readonly nodeName: string;
  /** The node's `topology.kubernetes.io/zone`. */
  readonly zone: string | undefined;
}

/**
 * Hints count only when every endpoint has one, and at least one is meant for this place: otherwise
 * a slice that is being rewritten, or a zone without endpoints, would leave clients with nothing.
 * Node hints come before zone hints.
 */
export function nearest<E extends Hinted>(
  ready: readonly E[],
  { nodeName, zone }: Place,
): readonly E[] {
  const onNode = meantFor(ready, ({ forNodes }) => forNodes, nodeName);
  if (onNode.length > 0) return onNode;
  const inZone = zone === undefined ? [] : meantFor(ready, ({ forZones }) => forZones, zone);
  return inZone.length > 0 ? inZone : ready;
}

function meantFor<E extends Hinted>(
  ready: readonly E[],
  hintsOf: (endpoint: E) => readonly string[],
  place: string,
): readonly E[] {
  if (ready.some((endpoint) => hintsOf(endpoint).length === 0)) return [];
  return ready.filter((endpoint) => hintsOf(endpoint).includes(place));
}
