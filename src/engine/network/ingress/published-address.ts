/** What `status.loadBalancer.ingress` of an Ingress says. Pure. */
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import { ipFamily } from "../../../kube/ip-address.ts";
import type { ListeningAt } from "./open-listeners.ts";

/** An IngressLoadBalancerIngress. */
export type PublishedAddress = {
  readonly [name in "ip" | "hostname"]?: string;
} & { readonly ports: readonly { readonly port: number; readonly protocol: string }[] };

/** One entry for each address, with the ports that serve this Ingress; none while nothing listens. */
export function addressesOf(
  { spec }: Ingress,
  listening: readonly ListeningAt[],
): PublishedAddress[] {
  const usesTls = (spec?.tls ?? []).length > 0;
  const ports = new Map<string, number[]>();
  for (const { key, protocol, host, port } of listening) {
    // Further ports are those of Gateways.
    if (key !== protocol) continue;
    if (protocol === "https" && !usesTls) continue;
    const address = reachable(host);
    ports.set(address, [...(ports.get(address) ?? []), port]);
  }
  return [...ports].map(([address, numbers]) => ({
    ...(ipFamily(address) === undefined ? { hostname: address } : { ip: address }),
    ports: numbers.map((port) => ({ port, protocol: "TCP" })),
  }));
}

/** Listening on all addresses, it is reached on this machine's own. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
