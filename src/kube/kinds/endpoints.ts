import type {
  EndpointAddress,
  EndpointSubset,
  Endpoints as UpstreamEndpoints,
} from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import { ipFamily, unroutableReason } from "../ip-address.ts";
import type { Kind } from "../kind.ts";
import { dns1123Label, dns1123Subdomain, portNumber } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, listWithMore, NONE, nameColumn, textColumn } from "./columns.ts";
import { invalid, isBlank, named, required } from "./field-problems.ts";

export type Endpoints = Live<UpstreamEndpoints>;

const SHOWN = 3;

export const endpoints: Kind<Endpoints> = {
  group: "",
  version: "v1",
  kind: "Endpoints",
  plural: "endpoints",
  singular: "endpoints",
  namespaced: true,
  shortNames: ["ep"],
  get schema() {
    return builtinSchema("v1", "Endpoints");
  },
  columns: [
    nameColumn,
    textColumn("Endpoints", "Ready addresses with their ports.", ({ subsets }) =>
      listWithMore((subsets ?? []).flatMap(formatSubset), SHOWN, NONE),
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateEndpoints },
};

function formatSubset({ addresses = [], ports = [] }: EndpointSubset): string[] {
  if (ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) =>
    addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
  );
}

function validateEndpoints({ subsets }: Endpoints): FieldError[] {
  return (subsets ?? []).flatMap((subset, index) => validateSubset(subset, `subsets[${index}]`));
}

function validateSubset(subset: EndpointSubset, field: string): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  const errors: FieldError[] = [];
  if (addresses.length + notReadyAddresses.length === 0) {
    errors.push(required(field, "must specify `addresses` or `notReadyAddresses`"));
  }
  const lists = [
    ["addresses", addresses],
    ["notReadyAddresses", notReadyAddresses],
  ] as const;
  for (const [list, items] of lists) {
    for (const [index, address] of items.entries()) {
      errors.push(...validateAddress(address, `${field}.${list}[${index}]`));
    }
  }
  for (const [index, port] of ports.entries()) {
    const path = `${field}.ports[${index}]`;
    if (ports.length > 1 && isBlank(port.name)) errors.push(required(`${path}.name`));
    if (!isBlank(port.name)) errors.push(...named(`${path}.name`, port.name, dns1123Label));
    const problems = portNumber(port.port);
    errors.push(...problems.map((detail) => invalid(`${path}.port`, port.port, detail)));
  }
  return errors;
}

function validateAddress({ ip, hostname }: EndpointAddress, field: string): FieldError[] {
  const errors = isBlank(hostname) ? [] : named(`${field}.hostname`, hostname, dns1123Label);
  const reason = ipFamily(ip) === undefined ? "must be a valid IP address" : unroutableReason(ip);
  return reason === undefined ? errors : [...errors, invalid(`${field}.ip`, ip, reason)];
}
