/**
 * The Gateway API's objects, as far as they are read here. Their fields are described in
 * `schemas/gateway/`; what the schema defaults or requires is always there.
 */
import type { Condition, LabelSelector } from "kubernetes-types/meta/v1";
import type { KubeObject } from "../../object.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string; description?: string; parametersRef?: ParametersReference };
  status?: { conditions?: Condition[]; supportedFeatures?: { name: string }[] };
}
export interface ParametersReference {
  group: string;
  kind: string;
  name: string;
  namespace?: string;
}

export interface Gateway extends KubeObject {
  spec: GatewaySpec;
  status?: GatewayStatus;
}
export interface GatewaySpec {
  gatewayClassName: string;
  listeners: Listener[];
  addresses?: { type?: string; value?: string }[];
}
export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: ListenerTLS;
  allowedRoutes?: AllowedRoutes;
}
export interface ListenerTLS {
  mode?: "Terminate" | "Passthrough";
  certificateRefs?: ObjectReference[];
  options?: Record<string, string>;
}
export interface AllowedRoutes {
  namespaces?: { from?: "All" | "Selector" | "Same" | "None"; selector?: LabelSelector };
  kinds?: RouteGroupKind[];
}
export interface RouteGroupKind {
  group?: string;
  kind: string;
}
export interface GatewayStatus {
  addresses?: { type?: string; value: string }[];
  conditions?: Condition[];
  listeners?: ListenerStatus[];
}
export interface ListenerStatus {
  name: string;
  supportedKinds: RouteGroupKind[];
  attachedRoutes: number;
  conditions: Condition[];
}

/** A Secret or a Service, maybe of another namespace. */
export interface ObjectReference {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
}
export interface ParentReference extends ObjectReference {
  sectionName?: string;
  port?: number;
}
export interface BackendReference extends ObjectReference {
  port?: number;
}
export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

export interface HTTPRoute extends KubeObject {
  spec?: HTTPRouteSpec;
  status?: { parents: RouteParentStatus[] };
}
export interface HTTPRouteSpec {
  parentRefs?: ParentReference[];
  hostnames?: string[];
  rules?: HTTPRouteRule[];
}
export interface HTTPRouteRule {
  name?: string;
  matches?: HTTPRouteMatch[];
  filters?: RouteFilter[];
  backendRefs?: WeightedBackendReference[];
  timeouts?: { request?: string; backendRequest?: string };
}
export interface HTTPRouteMatch {
  path?: { type?: "Exact" | "PathPrefix" | "RegularExpression"; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}
/** Of a header or of a parameter of the query. */
export interface ValueMatch {
  type?: "Exact" | "RegularExpression";
  name: string;
  value: string;
}
export interface WeightedBackendReference extends BackendReference {
  weight?: number;
  filters?: RouteFilter[];
}
/** Of HTTPRoutes and GRPCRoutes alike. */
export interface RouteFilter {
  type:
    | "RequestHeaderModifier"
    | "ResponseHeaderModifier"
    | "RequestMirror"
    | "RequestRedirect"
    | "URLRewrite"
    | "ExtensionRef"
    | "CORS";
  requestHeaderModifier?: HeaderFilter;
  responseHeaderModifier?: HeaderFilter;
  requestMirror?: MirrorFilter;
  requestRedirect?: RedirectFilter;
  urlRewrite?: { hostname?: string; path?: PathModifier };
  cors?: CorsFilter;
  extensionRef?: { group: string; kind: string; name: string };
}
export interface HeaderFilter {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}
export interface MirrorFilter {
  backendRef: BackendReference;
  percent?: number;
  fraction?: { numerator: number; denominator?: number };
}
export interface RedirectFilter {
  scheme?: "http" | "https";
  hostname?: string;
  path?: PathModifier;
  port?: number;
  statusCode?: number;
}
export interface PathModifier {
  type: "ReplaceFullPath" | "ReplacePrefixMatch";
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}
export interface CorsFilter {
  allowOrigins?: string[];
  allowCredentials?: boolean;
  allowMethods?: string[];
  allowHeaders?: string[];
  exposeHeaders?: string[];
  maxAge?: number;
}

export interface GRPCRoute extends KubeObject {
  spec?: GRPCRouteSpec;
  status?: { parents: RouteParentStatus[] };
}
export interface GRPCRouteSpec {
  parentRefs?: ParentReference[];
  hostnames?: string[];
  rules?: GRPCRouteRule[];
}
export interface GRPCRouteRule {
  name?: string;
  matches?: GRPCRouteMatch[];
  filters?: RouteFilter[];
  backendRefs?: WeightedBackendReference[];
}
export interface GRPCRouteMatch {
  method?: { type?: "Exact" | "RegularExpression"; service?: string; method?: string };
  headers?: ValueMatch[];
}

export interface ReferenceGrant extends KubeObject {
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}
