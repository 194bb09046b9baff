/**
 * The names that a Service has in the cluster zone and what stands behind them, pure: the
 * Kubernetes DNS specification 1.1.0 (github.com/kubernetes/dns, docs/specification.md).
 *
 * Where pods share the address of their machine (process runtime) an address alone leads nowhere:
 * ports differ from pod to pod. The port is in SRV, which carries what EndpointSlices carry, the
 * port that was really given. So that one pod's port can be found by its name, SRV is also answered
 * for `_port._protocol.<hostname>.<service>`, which the specification does not know.
 */
import type { Endpoint, EndpointPort } from "kubernetes-types/discovery/v1";
import type { EndpointSlice } from "../../../kube/kinds/endpointslice.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { ipFamily } from "../../../kube/ip-address.ts";
import { ADDRESSES_ANNOTATION, readAddresses } from "../service-addresses.ts";

const MAX_PORT = 65_535;

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** The Service that a slice belongs to. */
export const serviceNameOf = (slice: EndpointSlice): string | undefined =>
  slice.metadata.labels?.[SERVICE_NAME_LABEL];

export interface ServiceLocation {
  readonly port: number;
  /** A name below the Service's; empty for the Service itself. */
  readonly target: string;
}
/** What one name stands for. Nothing at all: it is there only because names below it are. */
export interface NameRecords {
  /** Each once. */
  readonly addresses: readonly string[];
  readonly locations: readonly ServiceLocation[];
  /** Of an ExternalName Service. */
  readonly alias?: string;
  readonly ttlSeconds: number;
}

/** Addresses of Services stay. */
export const STABLE_TTL_SECONDS = 30;
/** Endpoints come and go: who asks again after this finds the ones that are there. */
export const ENDPOINT_TTL_SECONDS = 5;
/** More would not fit into a message. */
const MAX_RECORDS = 4_096;

/** By name below the Service's own, `""` being that one. A name that is not in it is NXDOMAIN. */
export type ServiceNames = ReadonlyMap<string, NameRecords>;

export function serviceNames(service: Service, slices: readonly EndpointSlice[]): ServiceNames {
  const { type, externalName, clusterIP = "", clusterIPs = [] } = service.spec ?? {};
  if (type === "ExternalName")
    return new Map([["", { ...nothing(STABLE_TTL_SECONDS), alias: externalName ?? "" }]]);
  const names = new NameTable();
  addEndpoints(names, service, slices);
  if (clusterIP === "None") return names.records();
  for (const ip of clusterIPs.length > 0 ? clusterIPs : [clusterIP])
    if (ip !== "") names.address("", ip, STABLE_TTL_SECONDS);
  addPorts(names, service);
  return names.records();
}

/** Ready ones, each under its hostname or else its address; those of a headless Service are its own, too. */
function addEndpoints(names: NameTable, service: Service, slices: readonly EndpointSlice[]): void {
  const isHeadless = service.spec?.clusterIP === "None";
  const anyState = service.spec?.publishNotReadyAddresses === true;
  for (const { addressType, endpoints = [], ports = [] } of slices) {
    if (addressType === "FQDN") continue;
    for (const endpoint of endpoints) {
      const [ip] = endpoint.addresses;
      if (ip === undefined || !(anyState || endpoint.conditions?.ready !== false)) continue;
      const label = endpointLabel(endpoint, ip);
      names.address(label, ip, ENDPOINT_TTL_SECONDS);
      if (isHeadless) names.address("", ip, ENDPOINT_TTL_SECONDS);
      for (const port of ports) {
        const name = portName(port);
        if (name === undefined || port.port === undefined) continue;
        const location = { port: port.port, target: label };
        names.location(`${name}.${label}`, location, ENDPOINT_TTL_SECONDS);
        if (isHeadless) names.location(name, location, ENDPOINT_TTL_SECONDS);
      }
    }
  }
}

/** Named ports of a Service with an address of its own; where that could not be bound, what stands in. */
function addPorts(names: NameTable, service: Service): void {
  const stated = readAddresses(service.metadata.annotations?.[ADDRESSES_ANNOTATION]);
  for (const port of service.spec?.ports ?? []) {
    const name = portName(port);
    if (name === undefined) continue;
    const substitute = readSubstitute(stated[`${port.port}/${port.protocol ?? "TCP"}`]);
    if (substitute === undefined) {
      names.location(name, { port: port.port, target: "" }, STABLE_TTL_SECONDS);
      continue;
    }
    const target = dashed(substitute.host);
    names.address(target, substitute.host, STABLE_TTL_SECONDS);
    names.location(name, { port: substitute.port, target }, STABLE_TTL_SECONDS);
  }
}

/** Anybody may write annotations: what is no address and port counts as absent. */
function readSubstitute(text = ""): { readonly host: string; readonly port: number } | undefined {
  const [, host = "", digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (ipFamily(host) === undefined || port < 1 || port > MAX_PORT) return undefined;
  return { host, port };
}

/** Unnamed ports have no name in DNS. */
function portName({ name, protocol = "TCP" }: Pick<EndpointPort, "name" | "protocol">) {
  return name === undefined || name === "" ? undefined : `_${name}._${protocol}`.toLowerCase();
}

function endpointLabel({ hostname }: Pick<Endpoint, "hostname">, ip: string): string {
  return hostname === undefined || hostname === "" ? dashed(ip) : hostname.toLowerCase();
}
/** `10-1-2-3`, as names of pods are written. */
export const dashed = (ip: string): string => ip.replace(/[.:]/g, "-");

const nothing = (ttlSeconds: number): NameRecords => ({
  addresses: [],
  locations: [],
  ttlSeconds,
});

/** Collects what is said of names; each thing once, in the order in which it was said first. */
class NameTable {
  readonly #names = new Map<
    string,
    { addresses: Set<string>; locations: Map<string, ServiceLocation>; ttlSeconds: number }
  >();

  address(name: string, ip: string, ttlSeconds: number): void {
    const { addresses } = this.#entry(name, ttlSeconds);
    if (addresses.size < MAX_RECORDS) addresses.add(ip);
  }

  location(name: string, location: ServiceLocation, ttlSeconds: number): void {
    const { locations } = this.#entry(name, ttlSeconds);
    if (locations.size < MAX_RECORDS)
      locations.set(`${location.port} ${location.target}`, location);
  }

  records(): ServiceNames {
    // `_tcp` is there because `_http._tcp` is; but a Service without endpoints has no names at all.
    for (const name of this.#names.keys()) {
      const [, ...parents] = name.split(".");
      for (let depth = 0; depth < parents.length; depth++)
        this.#entry(parents.slice(depth).join("."), ENDPOINT_TTL_SECONDS);
    }
    return new Map(
      [...this.#names].map(([name, { addresses, locations, ttlSeconds }]) => [
        name,
        { addresses: [...addresses], locations: [...locations.values()], ttlSeconds },
      ]),
    );
  }

  #entry(name: string, ttlSeconds: number) {
    let entry = this.#names.get(name);
    if (entry === undefined) {
      entry = { addresses: new Set(), locations: new Map(), ttlSeconds };
      this.#names.set(name, entry);
    }
    return entry;
  }
}
