/** Which clients may reach a load balancer: `spec.loadBalancerSourceRanges`. */
import { BlockList, isIPv6 } from "node:net";

export interface SourceRanges {
  /** `address` as sockets give it: IPv4 may be mapped into IPv6. */
  allows(address: string): boolean;
}

/** `ranges`: valid CIDR blocks, as validation lets them pass. */
export function sourceRanges(ranges: readonly string[]): SourceRanges {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", length = ""] = range.trim().split("/");
    list.addSubnet(network, Number(length), isIPv6(network) ? "ipv6" : "ipv4");
  }
  return {
    allows: (address) => {
      const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
      return list.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
    },
  };
}
