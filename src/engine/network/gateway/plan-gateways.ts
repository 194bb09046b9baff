/**
 * From Gateways and routes to what the proxy serves, and to what their statuses say. Pure.
 * Level-triggered: planned anew from all objects after every change.
 */
import type {
  BackendReference,
  Gateway,
  GatewayClass,
  GRPCRoute,
  HTTPRoute,
  RouteFilter,
  WeightedBackendReference,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_GROUP } from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_CONTROLLER } from "../../../kube/kinds/gatewayclass.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { type KubeObject, keyOf } from "../../../kube/object.ts";
import { type ListenerName, listenerKey } from "../ingress/listener-name.ts";
import { type RouteBackend, routeKey } from "../ingress/route-backend.ts";
import { backendProblem } from "../ingress/backend-problem.ts";
import type { CertificateEntry } from "../ingress/tls-certificates.ts";
import type { Problem } from "../ingress/told-problems.ts";
import { type Attachment, attach, type AttachWorld } from "./attach-routes.ts";
import { compileGrpcRule, compileHttpRule, type ResolveBackend } from "./compile-rule.ts";
import {
  type ListenerWorld,
  type PlannedListener,
  planListeners,
  type RouteKind,
} from "./plan-listeners.ts";
import { mayRefer } from "./reference-grants.ts";
import { ListenerRoutes, PortRoutes, type RuleMatch } from "./route-matches.ts";
import { type Verdict, verdict } from "./verdict.ts";

export interface GatewayWorld extends ListenerWorld {
  readonly classes: readonly GatewayClass[];
  readonly gateways: readonly Gateway[];
  readonly httpRoutes: readonly HTTPRoute[];
  readonly grpcRoutes: readonly GRPCRoute[];
  readonly labelsOf: AttachWorld["labelsOf"];
  readonly serviceOf: (key: string) => Service | undefined;
}

export interface GatewayPlan {
  readonly gateways: readonly PlannedGateway[];
  readonly routes: readonly PlannedRoute[];
  readonly listeners: readonly ListenerName[];
  /** By listener. */
  readonly tables: ReadonlyMap<string, PortRoutes>;
  /** By listener; the oldest Gateway's come first. */
  readonly certificates: ReadonlyMap<string, readonly CertificateEntry[]>;
  /** Every backend that some request can lead to. */
  readonly backends: readonly RouteBackend[];
  /** What Gateways are told of by Events. */
  readonly problems: readonly Problem[];
}
export interface PlannedGateway {
  readonly gateway: Gateway;
  readonly listeners: readonly (PlannedListener & { readonly attachedRoutes: number })[];
}
export interface PlannedRoute {
  readonly kind: RouteKind;
  readonly route: HTTPRoute | GRPCRoute;
  readonly attachments: readonly Attachment[];
  readonly resolved: Verdict;
}

export function planGateways(world: GatewayWorld): GatewayPlan {
  const served = new Set(
    world.classes
      .filter(({ spec }) => spec.controllerName === GATEWAY_CONTROLLER)
      .map(({ metadata }) => metadata.name),
  );
  const gateways = oldestFirst(
    world.gateways.filter(({ spec }) => served.has(spec.gatewayClassName)),
  );
  const planned = planListeners(gateways, world);
  const byKey = new Map(gateways.map((gateway) => [keyOf(gateway), gateway]));
  const attachWorld: AttachWorld = {
    gatewayOf: (key) => byKey.get(key),
    listenersOf: (key) => planned.get(key) ?? [],
    labelsOf: world.labelsOf,
  };
  const tables = new Tables();
  const counts = new Map<PlannedListener, number>();
  const routes = oldestFirst([
    ...world.httpRoutes.map((route) => ({
      kind: "HTTPRoute" as const,
      route,
      metadata: route.metadata,
    })),
    ...world.grpcRoutes.map((route) => ({
      kind: "GRPCRoute" as const,
      route,
      metadata: route.metadata,
    })),
  ]).flatMap((entry): PlannedRoute[] => {
    const attachments = attach(entry.route, entry.kind, attachWorld);
    if (attachments.length === 0) return [];
    const { matches, backends, resolved } = compileRoute(entry, world);
    const attached = new Map(
      attachments.flatMap(({ listeners }) =>
        listeners.map(({ planned: one, hosts }) => [one, hosts] as const),
      ),
    );
    for (const [one, hosts] of attached) {
      counts.set(one, (counts.get(one) ?? 0) + 1);
      tables.add(one, hosts, matches);
    }
    if (attached.size > 0) tables.lead(backends);
    return [{ kind: entry.kind, route: entry.route, attachments, resolved }];
  });
  const all = [...planned.values()].flat();
  const plannedGateways = gateways.map((gateway) => ({
    gateway,
    listeners: (planned.get(keyOf(gateway)) ?? []).map((one) => ({
      ...one,
      attachedRoutes: counts.get(one) ?? 0,
    })),
  }));
  return {
    gateways: plannedGateways,
    problems: gatewayProblems(plannedGateways),
    routes,
    listeners: [
      ...new Map(
        all.flatMap(({ name }) => (name === undefined ? [] : [[listenerKey(name), name]])),
      ).values(),
    ],
    tables: tables.sealed(all),
    certificates: certificatesByListener(all),
    backends: tables.backends,
  };
}

/** What the proxy asks for each request, made up of the routes of all listeners of a port. */
class Tables {
  readonly #ports = new Map<string, Map<string, ListenerRoutes>>();
  readonly #backends = new Map<string, RouteBackend>();

  add(
    { name, host }: PlannedListener,
    hosts: readonly string[],
    matches: readonly RuleMatch[],
  ): void {
    if (name === undefined) return;
    const routes = this.#listener(listenerKey(name), host);
    for (const one of hosts) for (const match of matches) routes.add(one, match);
  }

  lead(backends: readonly RouteBackend[]): void {
    for (const backend of backends) this.#backends.set(routeKey(backend), backend);
  }
  get backends(): readonly RouteBackend[] {
    return [...this.#backends.values()];
  }

  /** A listener without routes still keeps its host from less exact ones. */
  sealed(all: readonly PlannedListener[]): Map<string, PortRoutes> {
    for (const { name, host } of all)
      if (name !== undefined) this.#listener(listenerKey(name), host);
    return new Map([...this.#ports].map(([key, listeners]) => [key, new PortRoutes(listeners)]));
  }

  #listener(key: string, host: string): ListenerRoutes {
    const port = this.#ports.get(key) ?? new Map<string, ListenerRoutes>();
    this.#ports.set(key, port);
    const routes = port.get(host) ?? new ListenerRoutes();
    port.set(host, routes);
    return routes;
  }
}

function certificatesByListener(all: readonly PlannedListener[]): Map<string, CertificateEntry[]> {
  const byListener = new Map<string, CertificateEntry[]>();
  for (const { name, certificates } of all) {
    if (name === undefined || certificates.length === 0) continue;
    const key = listenerKey(name);
    byListener.set(key, [...(byListener.get(key) ?? []), ...certificates]);
  }
  return byListener;
}

interface CompiledRoute {
  readonly matches: readonly RuleMatch[];
  readonly backends: readonly RouteBackend[];
  readonly resolved: Verdict;
}

function compileRoute(
  { kind, route }: { readonly kind: RouteKind; readonly route: HTTPRoute | GRPCRoute },
  world: GatewayWorld,
): CompiledRoute {
  const name = `${kind} ${keyOf(route)}`;
  const backends: RouteBackend[] = [];
  const problems: Verdict[] = [];
  const namespace = route.metadata.namespace ?? "";
  const resolve: ResolveBackend = (reference) => {
    const found = resolveBackend(reference, { kind, namespace }, world);
    if ("type" in found) {
      problems.push(found);
      return undefined;
    }
    // Calls of gRPC are told apart by their routes, whatever the Service says.
    backends.push(kind === "GRPCRoute" ? { ...found, isHttp2: true } : found);
    return found;
  };
  const matches =
    kind === "HTTPRoute"
      ? ((route as HTTPRoute).spec?.rules ?? []).flatMap(
          (rule) => compileHttpRule(name, rule, resolve).matches,
        )
      : // A route without rules is for every call.
        ((route as GRPCRoute).spec?.rules ?? [{}]).flatMap(
          (rule) => compileGrpcRule(name, rule, resolve).matches,
        );
  if (hasExtension(route))
    problems.push(
      verdict(
        "ResolvedRefs",
        false,
        "InvalidKind",
        "filters of the type ExtensionRef are not known",
      ),
    );
  return {
    matches,
    backends,
    resolved: problems[0] ?? verdict("ResolvedRefs", true, "ResolvedRefs"),
  };
}

function hasExtension({ spec }: HTTPRoute | GRPCRoute): boolean {
  const rules: readonly {
    readonly filters?: readonly RouteFilter[];
    readonly backendRefs?: readonly WeightedBackendReference[];
  }[] = spec?.rules ?? [];
  return rules.some(({ filters = [], backendRefs = [] }) =>
    [...filters, ...backendRefs.flatMap((reference) => reference.filters ?? [])].some(
      ({ type }) => type === "ExtensionRef",
    ),
  );
}

function resolveBackend(
  { group = "", kind = "Service", name, namespace, port }: BackendReference,
  route: { readonly kind: RouteKind; readonly namespace: string },
  { grants, serviceOf }: GatewayWorld,
): RouteBackend | Verdict {
  if (group !== "" || kind !== "Service")
    return verdict(
      "ResolvedRefs",
      false,
      "InvalidKind",
      `backends are Services, not of the kind ${kind}`,
    );
  const to = { group, kind, name, namespace: namespace ?? route.namespace };
  const from = { group: GATEWAY_GROUP, kind: route.kind, namespace: route.namespace };
  if (!mayRefer(from, to, grants))
    return verdict(
      "ResolvedRefs",
      false,
      "RefNotPermitted",
      `the Service ${to.namespace}/${name} is of another namespace, where no ReferenceGrant lets this route lead to it`,
    );
  const backend = { namespace: to.namespace, service: name, port: port ?? 0 };
  const problem = backendProblem(backend, serviceOf);
  return problem === undefined
    ? backend
    : verdict("ResolvedRefs", false, "BackendNotFound", problem);
}

/** Ties are broken by namespace and name. */
function oldestFirst<T extends Pick<KubeObject, "metadata">>(objects: readonly T[]): T[] {
  const rank = ({ metadata }: T): string => metadata.creationTimestamp ?? "";
  const id = ({ metadata }: T): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  return [...objects].sort((a, b) => compare(rank(a), rank(b)) || compare(id(a), id(b)));
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Events for Gateways whose listeners are not served as they should be. */
function gatewayProblems(planned: readonly PlannedGateway[]): Problem[] {
  return planned.flatMap(({ gateway, listeners }) =>
    listeners.flatMap(({ listener, verdicts, certificateProblems }) => {
      const about = { kind: "Gateway", ingress: keyOf(gateway) } as const;
      const where = `listener ${listener.name}: `;
      return [
        ...certificateProblems.map((message) => ({
          ...about,
          reason: "InvalidCertificateRef",
          message: `${where}${message}`,
        })),
        ...verdicts
          .filter(({ type, status }) =>
            type === "Conflicted" ? status === "True" : type === "Accepted" && status === "False",
          )
          .map(({ reason, message }) => ({ ...about, reason, message: `${where}${message}` })),
      ];
    }),
  );
}
