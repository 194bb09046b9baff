/**
 * Which backends stand behind each port of a Service, from its EndpointSlices. Pure.
 * Rules: discovery.k8s.io/v1 endpoint conditions (KEP-1672) and the fallback to terminating
 * endpoints that still serve when nothing else is left (KEP-1669). HTTP requests can wait for the
 * next backend, so they fall back only after that: a pod that clients keep busy could never drain.
 */
import type { EndpointSlice } from "../../kube/kinds/endpointslice.ts";
import type { Service } from "../../kube/kinds/service.ts";

export interface Backend {
  readonly address: string;
  readonly port: number;
}
export const backendKey = (backend: Backend): string => `${backend.address}:${backend.port}`;

export interface ServiceRoute {
  /** The Service port's name; empty when it has none. */
  readonly portName: string;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** Whether connections are drained between HTTP/1.1 messages. */
  readonly http: boolean;
  /** Take new connections. */
  readonly active: readonly Backend[];
  /** Terminating, but still serving: for HTTP requests that have waited for an active one in vain. */
  readonly lastResort: readonly Backend[];
}

/** The TCP routes of a Service: one for each port. Headless and ExternalName services have none. */
export function routesOf(service: Service, slices: readonly EndpointSlice[]): ServiceRoute[] {
  const clusterIP = service.spec?.clusterIP;
  if (service.spec?.type === "ExternalName" || clusterIP === undefined || clusterIP === "None")
    return [];
  return (service.spec?.ports ?? [])
    .filter((port) => (port.protocol ?? "TCP") === "TCP")
    .map((port) => {
      const portName = port.name ?? "";
      const found = backendsOf(portName, slices);
      const http = speaksHttp(portName, port.appProtocol);
      const fallback = found.ready.length > 0 ? [] : found.serving;
      return {
        portName,
        port: port.port,
        nodePort: port.nodePort,
        http,
        active: http || found.ready.length > 0 ? found.ready : fallback,
        lastResort: http ? fallback : [],
      };
    });
}

/** By `appProtocol`, or a port name of `http` or `http-…`, as service meshes read them. */
function speaksHttp(portName: string, appProtocol: string | undefined): boolean {
  if (appProtocol !== undefined)
    return appProtocol.toLowerCase() === "http" || appProtocol === "kubernetes.io/ws";
  return portName === "http" || portName.startsWith("http-");
}

export interface Backends {
  readonly ready: Backend[];
  /** Terminating, but still passing their readiness probe. */
  readonly serving: Backend[];
}

/** Those of the Service port with this name. */
export function backendsOf(portName: string, slices: readonly EndpointSlice[]): Backends {
  const found: Backends = { ready: [], serving: [] };
  const seen = new Set<string>();
  for (const slice of slices) {
    const port = slice.ports?.find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (port === undefined || slice.addressType === "FQDN") continue;
    for (const endpoint of slice.endpoints ?? []) {
      const address = endpoint.addresses[0];
      if (address === undefined) continue;
      const backend = { address, port };
      if (seen.has(backendKey(backend))) continue;
      seen.add(backendKey(backend));
      const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
      if (ready) found.ready.push(backend);
      else if (serving && terminating) found.serving.push(backend);
    }
  }
  return found;
}
