import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressRangeError, AddressRanges } from "../../../src/engine/network/address-ranges.ts";
import { hostAddresses } from "../../../src/engine/network/host-addresses.ts";
import {
  isBalancedHere,
  LoadBalancerAddresses,
} from "../../../src/engine/network/load-balancer-addresses.ts";
import type { Service } from "../../../src/kube/kinds/service.ts";

interface Draft {
  readonly ports?: readonly (readonly [port: number, protocol: string])[];
  readonly asks?: string;
  readonly has?: string;
}
const service = (name: string, { ports = [[80, "TCP"]], asks, has }: Draft = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name },
  spec: {
    type: "LoadBalancer",
    ports: ports.map(([port, protocol]) => ({ port, protocol })),
    ...(asks === undefined ? {} : { loadBalancerIP: asks }),
  },
  ...(has === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip: has }] } } }),
});
function addresses(pool?: string, all: readonly Service[] = []): LoadBalancerAddresses {
  return new LoadBalancerAddresses({
    ...(pool === undefined ? {} : { pool: new AddressRanges(pool) }),
    hostAddresses: () => ["192.168.0.5", "10.1.0.5"],
    recorded: (address) =>
      all.filter(({ status }) => status?.loadBalancer?.ingress?.[0]?.ip === address),
  });
}

describe("ranges of addresses", () => {
  test.each([
    ["10.0.0.0/30", ["10.0.0.1", "10.0.0.2"]],
    ["10.0.0.4/32", ["10.0.0.4"]],
    ["10.0.0.4/31", ["10.0.0.4", "10.0.0.5"]],
    ["10.0.0.7", ["10.0.0.7"]],
    [
      "10.0.0.254-10.0.1.1, 10.9.0.1",
      ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1", "10.9.0.1"],
    ],
  ])("%s", (text, expected) => {
    const ranges = new AddressRanges(text);
    expect([...ranges.addresses()]).toEqual(expected);
    expect(ranges.size).toBe(expected.length);
    for (const address of expected) expect(ranges.contains(address)).toBe(true);
    expect(ranges.contains("10.200.0.1")).toBe(false);
  });
  test.each([
    ["", "no IPv4 address"],
    ["10.0.0.0/33", "no valid CIDR block"],
    ["10.0.0/24", "no valid CIDR block"],
    ["10.0.0.1/24", "the block begins at 10.0.0.0"],
    ["10.0.0.9-10.0.0.1", "ends before it begins"],
    ["10.0.0.1-10.0.0.5-10.0.0.9", "no IPv4 address or range"],
    ["fd00::/64", "is not IPv4"],
    ["10.0.0.256", "no IPv4 address"],
    ["10.0.0.0/24,10.0.0.128-10.0.1.5", "overlaps 10.0.0.0/24"],
  ])("%s is refused: %s", (text, expected) => {
    expect(() => new AddressRanges(text)).toThrow(AddressRangeError);
    expect(() => new AddressRanges(text)).toThrow(expected);
  });
});

describe("a pool", () => {
  test("gives each Service an address of its own, and the same again", () => {
    const pool = addresses("10.0.0.0/30");
    expect(pool.assign(service("a"))).toEqual({ addresses: ["10.0.0.1"] });
    expect(pool.assign(service("b"))).toEqual({ addresses: ["10.0.0.2"] });
    expect(pool.assign(service("a"))).toEqual({ addresses: ["10.0.0.1"] });
    expect(pool.assign(service("c"))).toMatchObject({
      reason: "AddressesExhausted",
      message: expect.stringContaining("all 2 addresses of the pool 10.0.0.0/30") as string,
    });
    expect(pool.release("default/a")).toBe(true);
    expect(pool.assign(service("c"))).toEqual({ addresses: ["10.0.0.1"] });
  });
  test("leaves an address to the Service whose status has it, though it is not heard of yet", () => {
    const known = service("known", { has: "10.0.0.1" });
    const pool = addresses("10.0.0.0/30", [known]);
    expect(pool.assign(service("new"))).toEqual({ addresses: ["10.0.0.2"] });
    expect(pool.assign(known)).toEqual({ addresses: ["10.0.0.1"] });
  });
  test("gives the address that is asked for, shared if the ports differ", () => {
    const pool = addresses("10.0.0.0/30");
    expect(pool.assign(service("a", { asks: "10.0.0.2" }))).toEqual({ addresses: ["10.0.0.2"] });
    const udp = service("b", { asks: "10.0.0.2", ports: [[80, "UDP"]] });
    expect(pool.assign(udp)).toEqual({ addresses: ["10.0.0.2"] });
    expect(pool.assign(service("c", { asks: "10.0.0.2" }))).toMatchObject({
      reason: "AddressTaken",
      message: expect.stringContaining("port 80/TCP of 10.0.0.2 belongs to") as string,
    });
    expect(pool.assign(service("d", { asks: "10.7.0.1" }))).toMatchObject({
      reason: "AddressNotInPool",
    });
  });
  test("never gives one port of one address to two Services", () => {
    const step = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      port: fc.constantFrom(80, 81),
      asks: fc.constantFrom(undefined, "10.0.0.1", "10.0.0.2"),
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pool = addresses("10.0.0.0/30");
        const held = new Map<string, string>();
        for (const { name, port, asks, gone } of steps) {
          held.delete(name);
          if (gone) {
            pool.release(`default/${name}`);
            continue;
          }
          const draft = {
            ports: [[port, "TCP"]] as const,
            ...(asks === undefined ? {} : { asks }),
          };
          const given = pool.assign(service(name, draft));
          if ("addresses" in given) held.set(name, `${given.addresses.join()} ${port}`);
          expect(new Set(held.values()).size).toBe(held.size);
        }
      }),
    );
  });
});

describe("this machine's own addresses", () => {
  test("are shared by Services whose ports differ", () => {
    const own = addresses();
    const all = ["192.168.0.5", "10.1.0.5"];
    expect(own.assign(service("a"))).toEqual({ addresses: all });
    expect(
      own.assign(
        service("b", {
          ports: [
            [80, "UDP"],
            [443, "TCP"],
          ],
        }),
      ),
    ).toEqual({
      addresses: all,
    });
    expect(own.assign(service("c"))).toMatchObject({
      reason: "AddressTaken",
      message: expect.stringContaining("Service default/a") as string,
    });
    own.release("default/a");
    expect(own.assign(service("c", { asks: "10.1.0.5" }))).toEqual({ addresses: ["10.1.0.5"] });
  });

  const found = {
    lo: [{ address: "127.0.0.1", family: "IPv4", internal: true }],
    eth0: [
      { address: "192.168.0.5", family: "IPv4", internal: false },
      { address: "fd00::5", family: "IPv6", internal: false },
      { address: "fe80::5", family: "IPv6", internal: false },
    ],
  } as unknown as Parameters<typeof hostAddresses>[1];
  test.each([
    ["10.1.0.5", ["10.1.0.5"], ["10.1.0.5"]],
    ["0.0.0.0", ["192.168.0.5", "127.0.0.1"], ["192.168.0.5"]],
    ["::", ["192.168.0.5", "fd00::5", "127.0.0.1", "::1"], ["192.168.0.5"]],
  ])("%s listens on %j and says %j", (nodeAddress, listen, publish) => {
    expect(hostAddresses(nodeAddress, found)).toEqual({ listen, publish });
  });
  test("without a network it is the loopback address", () => {
    expect(hostAddresses("0.0.0.0", {}).publish).toEqual(["127.0.0.1"]);
  });
});

test.each([
  [undefined, true],
  ["gantry.dev/service-proxy", true],
  ["example.com/metal", false],
])("a load balancer of class %s is balanced here: %s", (loadBalancerClass, expected) => {
  const { spec, ...rest } = service("a");
  const classed = loadBalancerClass === undefined ? {} : { loadBalancerClass };
  expect(isBalancedHere({ ...rest, spec: { ...spec, ...classed } })).toBe(expected);
});
