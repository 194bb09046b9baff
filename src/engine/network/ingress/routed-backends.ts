/**
 * The backends of all routes, kept in step with Services and EndpointSlices. What a Service's port
 * says decides how its backends are spoken to.
 */
import type { Clock } from "../../../client/clock.ts";
import type { EndpointSlice } from "../../../kube/kinds/endpointslice.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import type { Affinity } from "../balancer.ts";
import { backendsOf } from "../service-routes.ts";
import type { InFlight } from "../upstream.ts";
import type { AddressPolicy } from "./dial.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import { externalOf, portOf, serviceKey } from "./backend-problem.ts";
import { type RouteBackend, routeKey } from "./route-backend.ts";
import { ServiceBackends } from "./service-backends.ts";

/** Upstream's default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
/** KEP-3726, and what Istio and others read. */
const HTTP2_PROTOCOLS = new Set(["kubernetes.io/h2c", "h2c", "grpc", "http2"]);

export interface RoutedBackendsOptions {
  readonly clock: Clock;
  readonly inFlight: InFlight;
  readonly limits: IngressLimits;
  readonly isAllowed: AddressPolicy;
  readonly serviceOf: (key: string) => Service | undefined;
  readonly slicesOf: (serviceKey: string) => readonly EndpointSlice[];
}

export class RoutedBackends {
  readonly #options: RoutedBackendsOptions;
  readonly #backends = new Map<string, ServiceBackends>();
  /** By the key of the Service. */
  readonly #routes = new Map<string, RouteBackend[]>();

  constructor(options: RoutedBackendsOptions) {
    this.#options = options;
  }

  of(backend: RouteBackend): ServiceBackends | undefined {
    return this.#backends.get(routeKey(backend));
  }
  leadsTo(serviceKey: string): boolean {
    return this.#routes.has(serviceKey);
  }

  /** Those that some request can lead to from now on. */
  setWanted(wanted: readonly RouteBackend[]): void {
    const keys = new Set(wanted.map(routeKey));
    for (const [key, backends] of this.#backends) {
      if (keys.has(key)) continue;
      backends.close();
      this.#backends.delete(key);
    }
    this.#routes.clear();
    const seen = new Set<string>();
    for (const route of wanted) {
      const key = routeKey(route);
      if (seen.has(key)) continue;
      seen.add(key);
      const service = serviceKey(route);
      const routed = this.#routes.get(service);
      if (routed === undefined) this.#routes.set(service, [route]);
      else routed.push(route);
      if (this.#backends.has(key)) continue;
      this.#backends.set(key, new ServiceBackends(this.#options));
      this.#update(route);
    }
  }

  /** After a change of the Service or of its slices. */
  update(service: string): void {
    for (const route of this.#routes.get(service) ?? []) this.#update(route);
  }

  close(): void {
    for (const backends of this.#backends.values()) backends.close();
  }

  #update(route: RouteBackend): void {
    const backends = this.of(route);
    const key = serviceKey(route);
    const service = this.#options.serviceOf(key);
    if (service?.spec?.type === "ExternalName") {
      const external = externalOf(service, route);
      backends?.update({ ready: external, serving: [] }, undefined, {
        isHttp2: route.isHttp2 === true,
        isExternal: true,
      });
      return;
    }
    const port = service && portOf(service, route);
    if (service === undefined || port === undefined)
      backends?.update({ ready: [], serving: [] }, undefined);
    else
      backends?.update(
        backendsOf(port.name ?? "", this.#options.slicesOf(key)),
        affinityOf(service),
        {
          isHttp2: route.isHttp2 === true || HTTP2_PROTOCOLS.has(port.appProtocol ?? ""),
          isExternal: false,
        },
      );
  }
}

function affinityOf({ spec }: Service): Affinity | undefined {
  if (spec?.sessionAffinity !== "ClientIP") return undefined;
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return { timeoutMs: seconds * 1000 };
}
