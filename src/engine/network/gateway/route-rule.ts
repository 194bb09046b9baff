/**
 * Rules of HTTPRoutes and GRPCRoutes, compiled: what `request-handler.ts` carries out. Which rule a
 * request is for is found by `route-matches.ts`.
 */
import type {
  CorsFilter,
  HeaderFilter,
  PathModifier,
  RedirectFilter,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import type { RouteBackend } from "../ingress/route-backend.ts";

export interface RouteRule {
  /** `HTTPRoute default/web`, for the access log. */
  readonly name: string;
  readonly filters: RuleFilters;
  readonly targets: readonly RouteTarget[];
  /** 0: nobody gets a request. */
  readonly totalWeight: number;
  /** Undefined: no bound but those of the proxy. */
  readonly requestTimeoutMs: number | undefined;
  readonly attemptTimeoutMs: number | undefined;
}

export interface RouteTarget {
  /** Undefined: there is none that may be asked; its share of the requests is answered 500. */
  readonly backend: RouteBackend | undefined;
  readonly weight: number;
  readonly filters: RuleFilters;
}

/** Those of a rule, or of one of its backends. */
export interface RuleFilters {
  readonly requestHeaders: readonly HeaderFilter[];
  readonly responseHeaders: readonly HeaderFilter[];
  readonly rewrite: UrlRewrite | undefined;
  readonly redirect: Redirect | undefined;
  readonly cors: CorsFilter | undefined;
  readonly mirrors: readonly Mirror[];
  /** A filter that this proxy has not: requests are answered 500, never passed on without it. */
  readonly isBroken: boolean;
}
export interface UrlRewrite {
  readonly hostname: string | undefined;
  readonly path: PathChange | undefined;
}
export interface Redirect extends Omit<RedirectFilter, "path"> {
  readonly path: PathChange | undefined;
}
/** With the prefix that the rule matched, for `ReplacePrefixMatch`. */
export interface PathChange {
  readonly modifier: PathModifier;
  readonly prefix: string;
}
export interface Mirror {
  readonly backend: RouteBackend | undefined;
  /** Share of the requests, from 0 to 1. */
  readonly share: number;
}

/** One of the targets, each as often as its weight says. `random` is at least 0 and below 1. */
export function pickTarget(
  { targets, totalWeight }: RouteRule,
  random: number,
): RouteTarget | undefined {
  let left = random * totalWeight;
  for (const target of targets) {
    if (target.weight === 0) continue;
    left -= target.weight;
    if (left < 0) return target;
  }
  return undefined;
}
