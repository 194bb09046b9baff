/**
 * Variables that tell a container where Services are, in the form of k8s.io/kubernetes
 * pkg/kubelet/envvars: `<NAME>_SERVICE_HOST`, `<NAME>_SERVICE_PORT` and the older Docker links.
 */
import type { Service } from "../../../kube/kinds/service.ts";
import { ADDRESSES_ANNOTATION, readAddresses } from "../../network/service-addresses.ts";

export function serviceLinks(services: readonly Service[]): Map<string, string> {
  const env = new Map<string, string>();
  for (const service of [...services].sort(byName)) {
    const { clusterIP = "", ports = [] } = service.spec ?? {};
    const [first] = ports;
    if (clusterIP === "" || clusterIP === "None" || first === undefined) continue;
    const name = variableName(service.metadata.name);
    const addressOf = addressLookup(service, clusterIP);
    const main = addressOf(first);
    env.set(`${name}_SERVICE_HOST`, main.host);
    env.set(`${name}_SERVICE_PORT`, main.port);
    for (const port of ports)
      if (port.name !== undefined && port.name !== "")
        env.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, addressOf(port).port);
    env.set(`${name}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${join(main)}`);
    for (const port of ports) {
      const protocol = port.protocol ?? "TCP";
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      const address = addressOf(port);
      env.set(prefix, `${protocol.toLowerCase()}://${join(address)}`);
      env.set(`${prefix}_PROTO`, protocol.toLowerCase());
      env.set(`${prefix}_PORT`, address.port);
      env.set(`${prefix}_ADDR`, address.host);
    }
  }
  return env;
}

interface Address {
  readonly host: string;
  readonly port: string;
}
interface ServicePort {
  readonly port: number;
  readonly protocol?: string;
}

function addressLookup(service: Service, clusterIP: string): (port: ServicePort) => Address {
  const stated = readAddresses(service.metadata.annotations?.[ADDRESSES_ANNOTATION]);
  return ({ port, protocol = "TCP" }) => {
    const text = stated[`${port}/${protocol}`];
    const colon = text?.lastIndexOf(":") ?? -1;
    if (text === undefined || colon < 0) return { host: clusterIP, port: String(port) };
    return { host: text.slice(0, colon), port: text.slice(colon + 1) };
  };
}

const join = ({ host, port }: Address): string => `${host}:${port}`;
const byName = (a: Service, b: Service): number => (a.metadata.name < b.metadata.name ? -1 : 1);
const variableName = (name: string): string => name.toUpperCase().replaceAll("-", "_");
