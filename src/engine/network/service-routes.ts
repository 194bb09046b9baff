/**
 * Which backends stand behind each port of a Service, from its EndpointSlices. Pure.
 * Rules: discovery.k8s.io/v1 endpoint conditions (KEP-1672), the fallback to terminating endpoints
 * that still serve when nothing else is left (KEP-1669), traffic policies, and topology hints as
 * k8s.io/kubernetes/pkg/proxy/topology.go reads them. HTTP requests can wait for the next backend,
 * so they fall back only after that: a pod that clients keep busy could never drain.
 */
import type { EndpointSlice } from "../../kube/kinds/endpointslice.ts";
import type { Service } from "../../kube/kinds/service.ts";
import { type Hinted, nearest, type Place } from "./topology-hints.ts";

export interface Backend {
  readonly address: string;
  readonly port: number;
}
export const backendKey = (backend: Backend): string => `${backend.address}:${backend.port}`;

export type Protocol = "TCP" | "UDP";

export interface Destinations {
  /** Take new connections. */
  readonly active: readonly Backend[];
  /** Terminating, but still serving: for HTTP requests that have waited for an active one in vain. */
  readonly lastResort: readonly Backend[];
}

export interface ServiceRoute {
  /** The Service port's name; empty when it has none. */
  readonly portName: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** Whether connections are drained between HTTP/1.1 messages. */
  readonly http: boolean;
  /** For clients of the cluster address: `internalTrafficPolicy`. */
  readonly internal: Destinations;
  /** For clients of node ports, load balancers and external addresses: `externalTrafficPolicy`. */
  readonly external: Destinations;
}

/** The routes of a Service, one for each TCP or UDP port. Headless and ExternalName ones have none. */
export function routesOf(
  service: Service,
  slices: readonly EndpointSlice[],
  place: Place,
): ServiceRoute[] {
  const { spec } = service;
  if (!isProxied(service)) return [];
  return (spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? "TCP";
    if (protocol !== "TCP" && protocol !== "UDP") return [];
    const portName = port.name ?? "";
    const http = protocol === "TCP" && speaksHttp(portName, port.appProtocol);
    const found = endpointsOf(portName, slices, protocol);
    const everywhere = destinations(found, http, (ready) => nearest(ready, place));
    const here = (): Destinations => destinations(localOf(found, place), http);
    const isLocal = (policy: string | undefined): boolean => policy === "Local";
    const internal = isLocal(spec?.internalTrafficPolicy) ? here() : everywhere;
    const external = isLocal(spec?.externalTrafficPolicy) ? here() : everywhere;
    return [
      { portName, protocol, port: port.port, nodePort: port.nodePort, http, internal, external },
    ];
  });
}

/** With this label a Service is somebody else's to answer for, as upstream; DNS answers for its own. */
const PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name";

/** Whether it has an address of its own that a proxy answers on. */
export function isProxied({ metadata, spec }: Service): boolean {
  const clusterIP = spec?.clusterIP ?? "";
  if (metadata.labels?.[PROXY_NAME_LABEL] !== undefined) return false;
  return spec?.type !== "ExternalName" && clusterIP !== "" && clusterIP !== "None";
}

/** Ready endpoints of any port on the proxy's own node: what a load balancer's health check asks for. */
export function localReadyCount(slices: readonly EndpointSlice[], { nodeName }: Place): number {
  const addresses = new Set<string>();
  for (const slice of slices)
    for (const endpoint of slice.endpoints ?? [])
      if (endpoint.nodeName === nodeName && (endpoint.conditions?.ready ?? true))
        addresses.add(endpoint.addresses[0] ?? "");
  return addresses.size;
}

/** By `appProtocol`, or a port name of `http` or `http-…`, as service meshes read them. */
function speaksHttp(portName: string, appProtocol: string | undefined): boolean {
  if (appProtocol !== undefined)
    return appProtocol.toLowerCase() === "http" || appProtocol === "kubernetes.io/ws";
  return portName === "http" || portName.startsWith("http-");
}

function destinations(
  { ready, serving }: Endpoints,
  http: boolean,
  choose: (ready: readonly RoutedEndpoint[]) => readonly RoutedEndpoint[] = (all) => all,
): Destinations {
  if (ready.length > 0) return { active: choose(ready), lastResort: [] };
  return http ? { active: [], lastResort: serving } : { active: serving, lastResort: [] };
}

function localOf({ ready, serving }: Endpoints, { nodeName }: Place): Endpoints {
  const isHere = (endpoint: RoutedEndpoint): boolean => endpoint.nodeName === nodeName;
  return { ready: ready.filter(isHere), serving: serving.filter(isHere) };
}

/** A backend with what routing decisions need to know of its endpoint. */
export interface RoutedEndpoint extends Backend, Hinted {
  readonly nodeName: string | undefined;
}
interface Endpoints {
  readonly ready: readonly RoutedEndpoint[];
  readonly serving: readonly RoutedEndpoint[];
}

export interface Backends {
  readonly ready: readonly Backend[];
  /** Terminating, but still passing their readiness probe. */
  readonly serving: readonly Backend[];
}

/** Those of the TCP Service port with this name, wherever they are. */
export function backendsOf(portName: string, slices: readonly EndpointSlice[]): Backends {
  return endpointsOf(portName, slices, "TCP");
}

function endpointsOf(
  portName: string,
  slices: readonly EndpointSlice[],
  protocol: Protocol,
): Endpoints {
  const ready: RoutedEndpoint[] = [];
  const serving: RoutedEndpoint[] = [];
  const seen = new Set<string>();
  for (const slice of slices) {
    const port = slice.ports?.find(
      (candidate) =>
        (candidate.name ?? "") === portName && (candidate.protocol ?? "TCP") === protocol,
    )?.port;
    if (port === undefined || slice.addressType === "FQDN") continue;
    for (const { addresses, conditions = {}, nodeName, hints } of slice.endpoints ?? []) {
      const address = addresses[0];
      if (address === undefined) continue;
      const endpoint: RoutedEndpoint = {
        address,
        port,
        nodeName,
        forZones: (hints?.forZones ?? []).map(({ name }) => name),
        forNodes: (hints?.forNodes ?? []).map(({ name }) => name),
      };
      if (seen.has(backendKey(endpoint))) continue;
      seen.add(backendKey(endpoint));
      const { ready: isReady = true, terminating = false } = conditions;
      if (isReady) ready.push(endpoint);
      else if ((conditions.serving ?? isReady) && terminating) serving.push(endpoint);
    }
  }
  return { ready, serving };
}
