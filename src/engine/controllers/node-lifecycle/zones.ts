/**
 * How bad it is, zone by zone, and how fast nodes may be given up, pure: one node that fails is
 * evicted, a zone that fails is more likely a network that fails (pkg/controller/nodelifecycle).
 */
import type { Node } from "../../../kube/kinds/node.ts";
import { readinessOf } from "./node-health.ts";

export type ZoneState = "Normal" | "PartialDisruption" | "FullDisruption";
export interface Zone {
  readonly ready: number;
  readonly notReady: number;
  readonly state: ZoneState;
}

const UNHEALTHY_THRESHOLD = 0.55;
/** Nodes a second that may be tainted `NoExecute`: one in 10 s, in a troubled large zone in 100 s. */
const EVICTION_RATE = 0.1;
const SECONDARY_EVICTION_RATE = 0.01;
const LARGE_ZONE_NODES = 50;

/** Nodes without these labels are one zone. */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const region = labels["topology.kubernetes.io/region"] ?? "";
  return `${region}:${labels["topology.kubernetes.io/zone"] ?? ""}`;
}

export function zonesOf(nodes: readonly Node[]): ReadonlyMap<string, Zone> {
  const counts = new Map<string, { ready: number; notReady: number }>();
  for (const node of nodes) {
    const count = counts.get(zoneOf(node)) ?? { ready: 0, notReady: 0 };
    counts.set(zoneOf(node), count);
    // One that has not reported yet counts as neither well nor lost.
    const readiness = readinessOf(node);
    if (readiness === "True") count.ready++;
    else if (readiness !== undefined) count.notReady++;
  }
  return new Map(
    [...counts].map(([name, { ready, notReady }]) => [
      name,
      { ready, notReady, state: stateOf(ready, notReady) },
    ]),
  );
}

function stateOf(ready: number, notReady: number): ZoneState {
  if (ready === 0 && notReady > 0) return "FullDisruption";
  const isPartial = notReady > 2 && notReady / (notReady + ready) >= UNHEALTHY_THRESHOLD;
  return isPartial ? "PartialDisruption" : "Normal";
}

/** Nothing works anywhere: then it is the master that is cut off, and nobody is evicted. */
export function isFullyDisrupted(zones: ReadonlyMap<string, Zone>): boolean {
  const states = [...zones.values()].map(({ state }) => state);
  return states.includes("FullDisruption") && states.every((state) => state === "FullDisruption");
}

/** Nodes of the zone that may be given up in a second. */
export function evictionRate({ state, ready, notReady }: Zone): number {
  if (state !== "PartialDisruption") return EVICTION_RATE;
  return ready + notReady > LARGE_ZONE_NODES ? SECONDARY_EVICTION_RATE : 0;
}
