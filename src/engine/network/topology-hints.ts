/** Which of the ready endpoints a proxy prefers, by the hints that the slices carry. Pure. */
import type { Place, RoutedEndpoint } from "./service-routes.ts";

/**
 * Hints count only when every endpoint has one, and at least one is meant for this place: otherwise
 * a slice that is being rewritten, or a zone without endpoints, would leave clients with nothing.
 * Node hints come before zone hints.
 */
export function nearest(
  ready: readonly RoutedEndpoint[],
  { nodeName, zone }: Place,
): readonly RoutedEndpoint[] {
  const onNode = meantFor(ready, ({ forNodes }) => forNodes, nodeName);
  if (onNode.length > 0) return onNode;
  const inZone = zone === undefined ? [] : meantFor(ready, ({ forZones }) => forZones, zone);
  return inZone.length > 0 ? inZone : ready;
}

function meantFor(
  ready: readonly RoutedEndpoint[],
  hintsOf: (endpoint: RoutedEndpoint) => readonly string[],
  place: string,
): readonly RoutedEndpoint[] {
  if (ready.some((endpoint) => hintsOf(endpoint).length === 0)) return [];
  return ready.filter((endpoint) => hintsOf(endpoint).includes(place));
}
