/** Addresses of this machine that Services are reached on from outside the cluster. */
import { networkInterfaces } from "node:os";

export interface HostAddresses {
  /** Where node ports and load balancers listen. */
  readonly listen: readonly string[];
  /** What clients elsewhere are told. */
  readonly publish: readonly string[];
}

const isWildcard = (address: string): boolean => address === "0.0.0.0" || address === "::";

/** Whether the addresses may change while the machine runs. */
export const followsInterfaces = isWildcard;

/**
 * `nodeAddress`: one address, or a wildcard for all that the machine has. A wildcard is not bound as
 * such: it would collide with every Service's own loopback address, and UDP answers would leave from
 * another address than they were asked at.
 */
export function hostAddresses(
  nodeAddress: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): HostAddresses {
  if (!isWildcard(nodeAddress)) return { listen: [nodeAddress], publish: [nodeAddress] };
  const all = Object.values(interfaces).flatMap((entries) => entries ?? []);
  const usable = all.filter(({ family }) => nodeAddress === "::" || family === "IPv4");
  const outer = usable
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  const loopback = nodeAddress === "::" ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  // The cluster is IPv4: that is what a load balancer says.
  const publish = outer.filter((address) => !address.includes(":"));
  return {
    listen: [...new Set([...outer, ...loopback])],
    publish: publish.length === 0 ? ["127.0.0.1"] : publish,
  };
}
