/** Hosts of listeners and routes. Pure. `*.` stands for one or more labels, unlike in an Ingress. */

/** Whether a host, without port and in lower case, is served under a pattern; "" is every host. */
export function matchesHost(pattern: string, host: string): boolean {
  if (pattern === "" || pattern === host) return true;
  return (
    pattern.startsWith("*.") && host.endsWith(pattern.slice(1)) && host.length >= pattern.length
  );
}

/** The hosts that a listener and a route have in common; undefined when there are none. */
export function intersection(listener: string, route: string): string | undefined {
  if (listener === "" || listener === route) return route;
  if (route === "") return listener;
  if (matchesHost(listener, route)) return route;
  return matchesHost(route, listener) ? listener : undefined;
}

/** For a route without hosts, those of the listener. */
export function effectiveHosts(listener: string, route: readonly string[]): string[] {
  if (route.length === 0) return [listener];
  const common = route.map((host) => intersection(listener, host.toLowerCase()));
  return [...new Set(common.filter((host): host is string => host !== undefined))];
}

/**
 * More is more exact: first by the characters of a host without a wildcard, then by those of any
 * (gateway.networking.k8s.io/v1, HTTPRouteSpec.hostnames).
 */
export function hostRank(pattern: string): number {
  if (pattern === "") return 0;
  return pattern.startsWith("*.") ? pattern.length : EXACT + pattern.length;
}
/** Above every wildcard: hosts have at most 253 characters. */
const EXACT = 1_000;
