/**
 * Where a request goes, by host and path. Pure. Rules: networking.k8s.io/v1 Ingress. The most exact
 * host decides first; within it an Exact path comes before prefixes, longer prefixes before shorter
 * ones; what matches nothing goes to the default backend. When two Ingresses claim the same, the
 * older one has it.
 */
import type { HTTPIngressPath, IngressBackend } from "kubernetes-types/networking/v1";
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import { keyOf } from "../../../kube/object.ts";
import { hostRank } from "../gateway/hostname.ts";
import type { RouteRule } from "../gateway/route-rule.ts";
import { type RouteBackend, routeKey } from "./route-backend.ts";

/** Of an Ingress, or with a `rule` of an HTTPRoute or GRPCRoute. */
export interface Route {
  /** `namespace/name` of the Ingress. */
  readonly ingress: string | undefined;
  /** Undefined: a backend that is no Service, or those of the rule. */
  readonly backend: RouteBackend | undefined;
  readonly rule?: RouteRule;
}
export interface RankedRoute {
  readonly route: Route;
  /** How exact its host is; see `hostRank`. Below all for what nothing else is for. */
  readonly rank: number;
}
const LAST_RANK = -1;

/** Something in an Ingress that is not served, and why. */
export interface RouteProblem {
  readonly ingress: string;
  readonly reason: "PathConflict" | "UnsupportedBackend";
  readonly message: string;
}

export interface RouteTable {
  /** `host` in lower case without port; `path` without query. */
  find(host: string, path: string): Route | undefined;
  findRanked(host: string, path: string): RankedRoute | undefined;
  readonly problems: readonly RouteProblem[];
  /** Every backend that some request can lead to. */
  readonly backends: readonly RouteBackend[];
}

/** The rules of one host. */
class HostRoutes {
  readonly exact = new Map<string, Route>();
  /** By elements joined with `/`, without a trailing one; the root is the empty text. */
  readonly prefixes = new Map<string, Route>();
  deepest = 0;
  fallback: Route | undefined;

  find(path: string): Route | undefined {
    return this.exact.get(path) ?? this.#byPrefix(path) ?? this.fallback;
  }

  #byPrefix(path: string): Route | undefined {
    for (let end = firstElements(path, this.deepest); end >= 0; ) {
      const found = this.prefixes.get(path.slice(0, end));
      if (found !== undefined) return found;
      if (end === 0) return undefined;
      end = path.lastIndexOf("/", end - 1);
    }
    return undefined;
  }
}

/** Where the first `count` elements of a path end. */
function firstElements(path: string, count: number): number {
  let end = 0;
  for (let element = 0; element < count && end < path.length; element++) {
    const next = path.indexOf("/", end + 1);
    end = next < 0 ? path.length : next;
  }
  return end;
}

/** The older one comes first wherever two claim the same. */
export function oldestFirst(ingresses: readonly Ingress[]): Ingress[] {
  const rank = ({ metadata }: Ingress): string => metadata.creationTimestamp ?? "";
  return [...ingresses].sort((a, b) => compare(rank(a), rank(b)) || compare(keyOf(a), keyOf(b)));
}

export function buildRouteTable(ingresses: readonly Ingress[]): RouteTable {
  return new Builder(oldestFirst(ingresses));
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

class Builder implements RouteTable {
  readonly problems: RouteProblem[] = [];
  readonly #exact = new Map<string, HostRoutes>();
  /** By the part after `*.`. */
  readonly #wildcards = new Map<string, HostRoutes>();
  readonly #anyHost = new HostRoutes();
  readonly #backends = new Map<string, RouteBackend>();
  #fallback: Route | undefined;

  constructor(sorted: readonly Ingress[]) {
    for (const ingress of sorted) this.#add(ingress);
    // A default backend alone asks for everything; beside rules it is for their hosts first.
    const withDefault = sorted.filter(({ spec }) => spec?.defaultBackend !== undefined);
    const alone = withDefault.find(({ spec }) => (spec?.rules ?? []).length === 0);
    const chosen = alone ?? withDefault[0];
    this.#fallback = chosen && this.#route(chosen, chosen.spec?.defaultBackend);
  }

  find(host: string, path: string): Route | undefined {
    const dot = host.indexOf(".");
    const rules =
      this.#exact.get(host) ?? (dot > 0 ? this.#wildcards.get(host.slice(dot + 1)) : undefined);
    return (rules ?? this.#anyHost).find(path) ?? this.#fallback;
  }

  findRanked(host: string, path: string): RankedRoute | undefined {
    const route = this.find(host, path);
    if (route === undefined) return undefined;
    if (route === this.#fallback) return { route, rank: LAST_RANK };
    if (this.#exact.has(host)) return { route, rank: hostRank(host) };
    const domain = host.slice(host.indexOf(".") + 1);
    return { route, rank: this.#wildcards.has(domain) ? hostRank(`*.${domain}`) : hostRank("") };
  }

  get backends(): readonly RouteBackend[] {
    return [...this.#backends.values()];
  }

  #add(ingress: Ingress): void {
    for (const rule of ingress.spec?.rules ?? []) {
      const host = (rule.host ?? "").toLowerCase();
      const routes = this.#hostRoutes(host);
      for (const path of rule.http?.paths ?? []) this.#addPath(ingress, host, routes, path);
      if (routes.fallback === undefined && ingress.spec?.defaultBackend !== undefined)
        routes.fallback = this.#route(ingress, ingress.spec.defaultBackend);
    }
  }

  #addPath(ingress: Ingress, host: string, routes: HostRoutes, rule: HTTPIngressPath): void {
    const path = rule.path === undefined || rule.path === "" ? "/" : rule.path;
    const isExact = rule.pathType === "Exact";
    const key = isExact ? path : path.replace(/\/+$/, "");
    const known = isExact ? routes.exact : routes.prefixes;
    const other = known.get(key);
    if (other !== undefined) {
      const where = `${host === "" ? "every host" : host}, path ${path} (${rule.pathType})`;
      this.problems.push({
        ingress: keyOf(ingress),
        reason: "PathConflict",
        message: `${where} is served for the Ingress ${other.ingress}, which is older or names it first; change one of the two`,
      });
      return;
    }
    known.set(key, this.#route(ingress, rule.backend));
    if (!isExact) routes.deepest = Math.max(routes.deepest, key.split("/").length - 1);
  }

  #hostRoutes(host: string): HostRoutes {
    if (host === "") return this.#anyHost;
    const isWildcard = host.startsWith("*.");
    const known = isWildcard ? this.#wildcards : this.#exact;
    const key = isWildcard ? host.slice(2) : host;
    const routes = known.get(key) ?? new HostRoutes();
    known.set(key, routes);
    return routes;
  }

  #route(ingress: Ingress, { service, resource }: IngressBackend = {}): Route {
    const port = service?.port?.name ?? service?.port?.number;
    if (service === undefined || port === undefined) {
      this.problems.push({
        ingress: keyOf(ingress),
        reason: "UnsupportedBackend",
        message: `a backend of kind ${resource?.kind ?? "(none)"} cannot be served; name a Service`,
      });
      return { ingress: keyOf(ingress), backend: undefined };
    }
    const backend = {
      namespace: ingress.metadata.namespace ?? "",
      service: service.name,
      port,
      ...(asksForHttp2(ingress) ? { isHttp2: true } : {}),
    };
    this.#backends.set(routeKey(backend), backend);
    return { ingress: keyOf(ingress), backend };
  }
}

/** By Gantry's annotation, or ingress-nginx's, which many manifests have. */
const PROTOCOL_ANNOTATIONS = [
  "gantry.dev/backend-protocol",
  "nginx.ingress.kubernetes.io/backend-protocol",
];

function asksForHttp2({ metadata }: Ingress): boolean {
  const named = PROTOCOL_ANNOTATIONS.map((name) => metadata.annotations?.[name]);
  const protocol = named.find((value) => value !== undefined)?.toUpperCase();
  return protocol === "GRPC" || protocol === "H2C";
}
