/** Under which addresses an Application is reached from outside, as far as its cluster knows. */
import type { Client } from "../../client/client.ts";
import { type Ingress, ingresses } from "../../kube/kinds/ingress.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import { APPLICATION_LABEL } from "../plan/tracking.ts";

/** More are not read any more. */
const MAX_ADDRESSES = 5;

/** `label`: the tracking label of the Application. Names of sites come before ports of machines. */
export async function applicationAddresses(
  client: Pick<Client, "list">,
  label: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const query = { labelSelector: `${APPLICATION_LABEL}=${label}`, signal };
  const sites = (await client.list(ingresses, query)).items.flatMap(addressesOfIngress);
  const ports = (await client.list(services, query)).items.flatMap(addressesOfService);
  return [...new Set([...sites, ...ports])].slice(0, MAX_ADDRESSES);
}

function addressesOfIngress({ spec }: Ingress): string[] {
  const secure = new Set(spec?.tls?.flatMap(({ hosts }) => hosts ?? []) ?? []);
  return (spec?.rules ?? []).flatMap(({ host, http }) => {
    if (host === undefined || host.startsWith("*")) return [];
    const path = http?.paths[0]?.path ?? "/";
    return [`${secure.has(host) ? "https" : "http"}://${host}${path === "/" ? "" : path}`];
  });
}

function addressesOfService({ spec, status }: Service): string[] {
  const port = spec?.ports?.[0];
  if (port === undefined || (spec?.type !== "LoadBalancer" && spec?.type !== "NodePort")) return [];
  const scheme = port.port === 443 ? "https" : "http";
  const { ip, hostname } = status?.loadBalancer?.ingress?.[0] ?? {};
  const outside = hostname ?? ip;
  if (outside !== undefined) return [`${scheme}://${withPort(outside, port.port, scheme)}`];
  // Its own port may be taken on this machine: the node port is served all the same.
  return port.nodePort === undefined ? [] : [`${scheme}://127.0.0.1:${port.nodePort}`];
}

function withPort(host: string, port: number, scheme: string): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
}
