/**
 * Which addresses a repository URL may lead to. Checked after name resolution, on the address
 * that is connected to, so that neither DNS tricks nor odd notations get around it.
 */
import { type LookupAddress, lookup as dnsLookup } from "node:dns";
import { BlockList, isIP, isIPv4, type LookupFunction } from "node:net";
import { SourceError } from "./source-error.ts";

/** Link-local, "this host", multicast, and where clouds serve credentials to their machines. */
const NEVER = new BlockList();
NEVER.addSubnet("169.254.0.0", 16, "ipv4");
NEVER.addSubnet("0.0.0.0", 8, "ipv4");
NEVER.addSubnet("224.0.0.0", 4, "ipv4");
NEVER.addAddress("255.255.255.255", "ipv4");
NEVER.addAddress("100.100.100.200", "ipv4"); // Alibaba metadata
NEVER.addAddress("192.0.0.192", "ipv4"); // Oracle metadata
NEVER.addAddress("168.63.129.16", "ipv4"); // Azure wire server
NEVER.addSubnet("fe80::", 10, "ipv6");
NEVER.addSubnet("ff00::", 8, "ipv6");
NEVER.addAddress("::", "ipv6");
NEVER.addAddress("fd00:ec2::254", "ipv6"); // AWS metadata
NEVER.addAddress("fd20:ce::254", "ipv6"); // Google metadata

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

export interface AddressGuard {
  /** For sockets that connect by name. */
  readonly lookup: LookupFunction;
  /** For URLs that hold an address. @throws SourceError `address-refused` */
  checkHost(hostname: string): void;
}

/**
 * A guard for one repository URL. This machine itself is allowed only where the URL names it:
 * `localhost`, `127.0.0.1`, `[::1]`.
 */
export function addressGuard(
  url: URL,
  where: string = `${url.protocol}//${url.host}`,
): AddressGuard {
  const loopbackAllowed = namesLoopback(hostOf(url.hostname));
  const check = (address: string): SourceError | undefined => {
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    const isLoopback = LOOPBACK.check(address, family);
    if (isLoopback ? loopbackAllowed : !NEVER.check(address, family)) return undefined;
    return new SourceError("address-refused", {
      what: `the host leads to ${address}, which repositories are never fetched from`,
      where,
      advice: isLoopback
        ? "Write localhost in the URL if the Git server runs on this machine."
        : "Link-local and metadata addresses are blocked; use the server's routable address.",
    });
  };
  return {
    checkHost: (hostname) => {
      const host = hostOf(hostname);
      const refused = isIP(host) === 0 ? undefined : check(canonical(host));
      if (refused !== undefined) throw refused;
    },
    lookup: (hostname, options, callback) => {
      dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, "");
        for (const { address } of addresses) {
          const refused = check(canonical(address));
          if (refused !== undefined) return callback(refused, "");
        }
        answer(addresses, options.all === true, callback);
      });
    },
  };
}

function answer(
  addresses: LookupAddress[],
  all: boolean,
  callback: Parameters<LookupFunction>[2],
): void {
  const first = addresses[0];
  if (all) callback(null, addresses);
  else if (first !== undefined) callback(null, first.address, first.family);
  else callback(new Error("no address"), "");
}

function hostOf(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** IPv4 inside IPv6 (mapped, NAT64) is judged as the IPv4 address that it reaches. */
function canonical(address: string): string {
  const embedded = /^(?:::ffff:|64:ff9b::)(.+)$/i.exec(address)?.[1];
  if (embedded === undefined) return address;
  if (isIPv4(embedded)) return embedded;
  const words = /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/i.exec(embedded);
  if (words === null) return address;
  const high = Number.parseInt(words[1] ?? "0", 16);
  const low = Number.parseInt(words[2] ?? "0", 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function namesLoopback(host: string): boolean {
  if (isIP(host) !== 0)
    return LOOPBACK.check(canonical(host), isIPv4(canonical(host)) ? "ipv4" : "ipv6");
  return host === "localhost" || host.endsWith(".localhost");
}
