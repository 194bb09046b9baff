import { expect, test } from "vitest";
import { dnsFlags, dnsOptionsOf, parseDnsUpstreams } from "../../src/cli/dns-flags.ts";

test("--dns-upstream names addresses, with ports where they are others than 53", () => {
  expect(parseDnsUpstreams("192.0.2.1, 192.0.2.2:5353,2001:db8::1,[2001:db8::2]:54")).toEqual([
    { host: "192.0.2.1", port: 53 },
    { host: "192.0.2.2", port: 5353 },
    { host: "2001:db8::1", port: 53 },
    { host: "2001:db8::2", port: 54 },
  ]);
  expect(parseDnsUpstreams("none")).toEqual([]);
});

test.each(["", "dns.example.com", "192.0.2.1:0", "192.0.2.1:70000", "192.0.2.1,,192.0.2.2"])(
  "--dns-upstream %j is refused with what to write",
  (text) => {
    expect(() => parseDnsUpstreams(text)).toThrow(/write IP or IP:port/);
  },
);

test("--dns-listen none means no DNS server", () => {
  expect(dnsFlags.dnsListen.parse("none")).toBe("none");
  expect(dnsOptionsOf({ dnsListen: "none", dnsUpstream: [] })).toBeUndefined();
  expect(dnsOptionsOf({})).toEqual({});
  expect(dnsOptionsOf({ dnsListen: { host: "127.0.0.1", port: 1053 }, dnsUpstream: [] })).toEqual({
    listen: { host: "127.0.0.1", port: 1053 },
    upstreams: [],
  });
});
