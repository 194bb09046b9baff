/** The flags of the cluster's DNS server. */
import type { DnsAddress, DnsOptions } from "../engine/network/dns/dns-server.ts";
import { ipFamily } from "../kube/ip-address.ts";
import { type ListenAddress, parseListenAddress } from "../server/listen-address.ts";

export interface DnsFlags {
  readonly dnsListen?: ListenAddress | "none";
  readonly dnsUpstream?: readonly DnsAddress[];
}

const DNS_PORT = 53;

export const dnsFlags = {
  dnsListen: {
    kind: "parsed",
    parse: (text: string) => (text === "none" ? "none" : parseListenAddress(text)),
    brief:
      "Address of DNS besides 127.96.0.10:53; none: no DNS. When absent and 53 is not to be had: 127.0.0.1:1053",
    placeholder: "HOST:PORT",
    optional: true,
  },
  dnsUpstream: {
    kind: "parsed",
    parse: parseDnsUpstreams,
    brief:
      "Servers for names outside the cluster, e.g. 192.0.2.1,192.0.2.2:5353; none: no others. Those of /etc/resolv.conf when absent",
    placeholder: "IP,…",
    optional: true,
  },
} as const;

/** Undefined: no DNS server. */
export function dnsOptionsOf({ dnsListen, dnsUpstream }: DnsFlags): DnsOptions | undefined {
  if (dnsListen === "none") return undefined;
  return {
    ...(dnsListen === undefined ? {} : { listen: dnsListen }),
    ...(dnsUpstream === undefined ? {} : { upstreams: dnsUpstream }),
  };
}

/** Throws an Error that says what is wrong with the text. */
export function parseDnsUpstreams(text: string): readonly DnsAddress[] {
  if (text === "none") return [];
  return text.split(",").map((part) => {
    const address = part.trim();
    if (ipFamily(address) !== undefined) return { host: address, port: DNS_PORT };
    const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
    const bare = host.replace(/^\[(.*)\]$/, "$1");
    if (ipFamily(bare) === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw new Error(
        `${JSON.stringify(address)} is no address of a DNS server: write IP or IP:port, several with commas between, e.g. 192.0.2.1,192.0.2.2:5353`,
      );
    return { host: bare, port: Number(port) };
  });
}
