/** Gateways and routes for tests, written briefly. */
import type { JsonObject } from "../../../../src/kube/object.ts";
import type {
  Gateway,
  HTTPRoute,
  HTTPRouteRule,
  HTTPRouteSpec,
  Listener,
} from "../../../../src/kube/kinds/gateway/gateway-types.ts";

export const HTTP: Listener = { name: "http", port: 80, protocol: "HTTP" };

export function gatewayOf(name = "web", ...listeners: Listener[]): Gateway {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace: "default" },
    spec: { gatewayClassName: "gantry", listeners: listeners.length > 0 ? listeners : [HTTP] },
  };
}

export interface RouteDraft extends HTTPRouteSpec {
  readonly name?: string;
  readonly namespace?: string;
  /** Seconds after the first one. */
  readonly age?: number;
}

/** Attached to the Gateway `web` unless it says otherwise. */
export function routeOf({
  name = "route",
  namespace = "default",
  age,
  ...spec
}: RouteDraft): HTTPRoute {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: {
      name,
      namespace,
      ...(age === undefined ? {} : { creationTimestamp: new Date(age * 1000).toISOString() }),
    },
    spec: { parentRefs: [{ name: "web" }], ...spec },
  };
}

/** To one Service at port 80. */
export const to = (service: string, rest: HTTPRouteRule = {}): HTTPRouteRule => ({
  backendRefs: [{ name: service, port: 80 }],
  ...rest,
});

export const prefix = (value: string) => ({ path: { type: "PathPrefix" as const, value } });
export const exact = (value: string) => ({ path: { type: "Exact" as const, value } });
export const pattern = (value: string) => ({ path: { type: "RegularExpression" as const, value } });

/** `Accepted=True Programmed=False/Pending`; for comparisons. */
export function told(
  conditions: readonly { type: string; status: string; reason?: string }[] | undefined,
): Record<string, string> {
  return Object.fromEntries(
    (conditions ?? []).map(({ type, status, reason = "" }) => [type, `${status} ${reason}`]),
  );
}

/** For patches. */
export const asJson = (object: object): JsonObject =>
  JSON.parse(JSON.stringify(object)) as JsonObject;
