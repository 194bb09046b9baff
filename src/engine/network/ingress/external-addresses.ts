/**
 * Where names outside the cluster (Services of type ExternalName) may lead. Whoever may create a
 * Service could otherwise have the proxy ask what listens on this machine only, or the metadata
 * service of a cloud.
 */
import { BlockList, isIP } from "node:net";
import type { AddressPolicy } from "./dial.ts";

/** Loopback, link-local (with metadata services), unspecified, multicast and reserved addresses. */
const FORBIDDEN: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/128",
  "::1/128",
  "64:ff9b::/96",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
  "fd00:ec2::254/128",
];

/** `allowed`: CIDR blocks that may be asked although they are forbidden else. */
export function externalAddresses(allowed: readonly string[] = []): AddressPolicy {
  const forbidden = listOf(FORBIDDEN);
  const excepted = listOf(allowed);
  return (address) => {
    const mapped = /^::ffff:(?<plain>[\d.]+)$/i.exec(address)?.groups?.["plain"];
    const plain = mapped ?? address;
    const family = isIP(plain);
    if (family === 0) return false;
    const type = family === 6 ? "ipv6" : "ipv4";
    return excepted.check(plain, type) || !forbidden.check(plain, type);
  };
}

function listOf(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [network = "", length = ""] = block.split("/");
    list.addSubnet(network, Number(length), isIP(network) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}
