/**
 * One table of what Ingresses and Gateways route on one listener. Pure. The most exact host decides;
 * where both name the same, the Gateway's route has it.
 */
import type { Asked, PortRoutes } from "../gateway/route-matches.ts";
import type { Route, RouteTable } from "./route-table.ts";
import type { RouteRule } from "../gateway/route-rule.ts";

export function findRoute(
  ingresses: RouteTable | undefined,
  gateways: PortRoutes | undefined,
  asked: Asked,
): Route | undefined {
  if (gateways === undefined) return ingresses?.find(asked.host, asked.path);
  const routed = gateways.find(asked);
  const other = ingresses?.findRanked(asked.host, asked.path);
  if (routed === undefined || (other !== undefined && other.rank > routed.rank))
    return other?.route;
  return routeOf(routed.rule);
}

const known = new WeakMap<RouteRule, Route>();

function routeOf(rule: RouteRule): Route {
  let route = known.get(rule);
  if (route === undefined) {
    route = { ingress: undefined, backend: undefined, rule };
    known.set(rule, route);
  }
  return route;
}
