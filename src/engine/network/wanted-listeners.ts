/** On which addresses a port of a Service must listen, and for whom. Pure. */
import type { Service } from "../../kube/kinds/service.ts";
import type { BindAddress } from "./bind-address.ts";
import type { ServiceRoute } from "./service-routes.ts";

/** What an address is to the Service. */
export type Role = "cluster" | "node" | "balancer" | "external";

export interface WantedListener {
  readonly role: Role;
  readonly address: BindAddress;
}
export interface OutsideAddresses {
  /** Of this machine. */
  readonly node: readonly string[];
  /** Of the Service's load balancer. */
  readonly balancer: readonly string[];
}

/** By id; the id changes when the address does, or who may use it. */
export function wantedListeners(
  service: Service,
  route: ServiceRoute,
  { node, balancer }: OutsideAddresses,
): Map<string, WantedListener> {
  const wanted = new Map<string, WantedListener>();
  const taken = new Set<string>();
  const add = (role: Role, host: string, port: number, mark = ""): void => {
    const at = `${host}:${port}`;
    // A load balancer's port may be the node port, an external address the node's.
    if (taken.has(at)) return;
    taken.add(at);
    wanted.set(`${role}/${at}${mark}`, { role, address: { host, port } });
  };
  const { spec } = service;
  add("cluster", spec?.clusterIP ?? "", route.port);
  const sources = (spec?.loadBalancerSourceRanges ?? []).join(",");
  for (const host of balancer) add("balancer", host, route.port, sources && ` ${sources}`);
  for (const host of spec?.externalIPs ?? []) add("external", host, route.port);
  if (route.nodePort !== undefined) for (const host of node) add("node", host, route.nodePort);
  return wanted;
}
