import type {
  EndpointHints,
  Endpoint as UpstreamEndpoint,
  EndpointSlice as UpstreamEndpointSlice,
} from "kubernetes-types/discovery/v1";
import type { FieldError } from "../field-error.ts";
import { ipFamily, unroutableReason } from "../ip-address.ts";
import type { Kind } from "../kind.ts";
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, listWithMore, nameColumn, textColumn } from "./columns.ts";
import {
  duplicate,
  immutable,
  invalid,
  isBlank,
  named,
  required,
  tooMany,
} from "./field-problems.ts";

/** With what Kubernetes added since the types were published (KEP-3015). */
export interface Endpoint extends Omit<UpstreamEndpoint, "hints"> {
  hints?: EndpointHints & { forNodes?: { name: string }[] };
}
export type EndpointSlice = Live<
  Omit<UpstreamEndpointSlice, "endpoints"> & { endpoints: Endpoint[] }
>;

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const SHOWN = 3;

export const endpointSlices: Kind<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  singular: "endpointslice",
  namespaced: true,
  get schema() {
    return builtinSchema("discovery.k8s.io/v1", "EndpointSlice");
  },
  columns: [
    nameColumn,
    textColumn("AddressType", "Kind of the addresses.", ({ addressType }) => addressType),
    textColumn("Ports", "Ports of all endpoints.", ({ ports }) =>
      listWithMore(
        (ports ?? []).map(({ port, name }) => (port === undefined ? (name ?? "*") : String(port))),
        SHOWN,
        "<unset>",
      ),
    ),
    textColumn("Endpoints", "Addresses of the endpoints.", ({ endpoints }) =>
      listWithMore(
        (endpoints ?? []).flatMap(({ addresses }) => addresses),
        SHOWN,
        "<unset>",
      ),
    ),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateSlice,
    validateUpdate: (next, previous) =>
      immutable("addressType", next.addressType, previous.addressType),
  },
};

function validateSlice(slice: EndpointSlice): FieldError[] {
  const { addressType } = slice;
  const endpoints = slice.endpoints ?? [];
  const errors: FieldError[] = [];
  if (endpoints.length > MAX_ENDPOINTS) {
    errors.push(tooMany("endpoints", endpoints.length, MAX_ENDPOINTS));
    return errors;
  }
  for (const [index, endpoint] of endpoints.entries()) {
    errors.push(...validateEndpoint(endpoint, addressType, `endpoints[${index}]`));
  }
  return [...errors, ...validatePorts(slice)];
}

function validateEndpoint(endpoint: Endpoint, addressType: string, field: string): FieldError[] {
  const addresses = endpoint.addresses ?? [];
  const errors: FieldError[] = [];
  if (addresses.length === 0) {
    errors.push(required(`${field}.addresses`, "must contain at least 1 address"));
  }
  if (addresses.length > MAX_ADDRESSES) {
    errors.push(tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES));
  }
  for (const [index, address] of addresses.entries()) {
    errors.push(...validateAddress(`${field}.addresses[${index}]`, address, addressType));
  }
  const { hostname, nodeName } = endpoint;
  if (!isBlank(hostname)) errors.push(...named(`${field}.hostname`, hostname, dns1123Label));
  if (!isBlank(nodeName)) errors.push(...named(`${field}.nodeName`, nodeName, dns1123Subdomain));
  return errors;
}

function validateAddress(field: string, address: string, addressType: string): FieldError[] {
  if (addressType === "FQDN") return named(field, address.replace(/\.$/, ""), dns1123Subdomain);
  if (ipFamily(address) !== addressType) {
    return [invalid(field, address, `must be a valid ${addressType} address`)];
  }
  const reason = unroutableReason(address);
  return reason === undefined ? [] : [invalid(field, address, reason)];
}

function validatePorts({ ports = [] }: EndpointSlice): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany("ports", ports.length, MAX_PORTS)];
  const seen = new Set<string>();
  return ports.flatMap((port, index) => {
    const field = `ports[${index}]`;
    const name = port.name ?? "";
    const errors = name === "" ? [] : named(`${field}.name`, name, dns1123Label);
    if (seen.has(name)) errors.push(duplicate(`${field}.name`, name));
    seen.add(name);
    if (port.port !== undefined) {
      const problems = portNumber(port.port);
      errors.push(...problems.map((detail) => invalid(`${field}.port`, port.port, detail)));
    }
    if (!isBlank(port.appProtocol)) {
      errors.push(...named(`${field}.appProtocol`, port.appProtocol, qualifiedName));
    }
    return errors;
  });
}
