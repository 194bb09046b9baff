/**
 * The Service `kube-dns`, by which clients and people find the DNS server: its address, and where
 * the server really listens as its endpoint.
 */
import type { Client } from "../../../client/client.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { type EndpointSlice, endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { DNS_PORT } from "./dns-listeners.ts";
import type { Upstream } from "./upstream-exchange.ts";

const NAMESPACE = "kube-system";
const NAME = "kube-dns";
const MANAGER = "gantry-dns";
const PORTS = [
  { name: "dns", protocol: "UDP" },
  { name: "dns-tcp", protocol: "TCP" },
];

/** Makes the Service at its first start, with this address. The address that it has. */
export async function ensureKubeDnsService(client: Client, clusterIP: string): Promise<string> {
  const key = { namespace: NAMESPACE, name: NAME };
  try {
    const { spec } = await client.get(services, key);
    return spec?.clusterIP ?? clusterIP;
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
  try {
    const created = await client.create(services, kubeDnsService(clusterIP));
    return created.spec?.clusterIP ?? clusterIP;
  } catch (error) {
    // Somebody's Service has had the address since before there was DNS.
    if (!isStatus(error, "Invalid")) throw error;
    const created = await client.create(services, kubeDnsService(""));
    return created.spec?.clusterIP ?? clusterIP;
  }
}

function kubeDnsService(clusterIP: string): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: {
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
        // The server listens at the address itself: nothing is to be relayed.
        "service.kubernetes.io/service-proxy-name": MANAGER,
      },
    },
    spec: {
      type: "ClusterIP",
      ...(clusterIP === "" ? {} : { clusterIP }),
      ports: PORTS.map((port) => ({ ...port, port: DNS_PORT })),
    },
  };
}

/** Where the server listened when it last said so. */
export async function publishedDnsEndpoint(client: Client): Promise<Upstream | undefined> {
  try {
    const key = { namespace: NAMESPACE, name: `${NAME}-ipv4` };
    const { endpoints, ports } = await client.get(endpointSlices, key);
    const [host, port] = [endpoints?.[0]?.addresses[0], ports?.[0]?.port];
    return host === undefined || port === undefined ? undefined : { host, port };
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Says where the server listens. */
export async function publishDnsEndpoint(client: Client, address: Upstream): Promise<void> {
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${NAME}-${address.host.includes(":") ? "ipv6" : "ipv4"}`,
      namespace: NAMESPACE,
      labels: {
        "kubernetes.io/service-name": NAME,
        "endpointslice.kubernetes.io/managed-by": MANAGER,
      },
    },
    addressType: address.host.includes(":") ? "IPv6" : "IPv4",
    endpoints: [{ addresses: [reachable(address.host)], conditions: { ready: true } }],
    ports: PORTS.map((port) => ({ ...port, port: address.port })),
  };
  const key = { namespace: NAMESPACE, name: slice.metadata.name };
  try {
    const existing = await client.get(endpointSlices, key);
    const isSame =
      deepEqual(existing.ports, slice.ports) &&
      deepEqual(
        existing.endpoints?.map(({ addresses }) => addresses),
        slice.endpoints?.map(({ addresses }) => addresses),
      );
    if (isSame) return;
    const { resourceVersion } = existing.metadata;
    await client.update(endpointSlices, {
      ...slice,
      metadata: {
        ...slice.metadata,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    await client.create(endpointSlices, slice);
  }
}

/** What listens at every address is found at this one. */
function reachable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}
