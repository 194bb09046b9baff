import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ipFamily, isCIDR, unroutableReason } from "../../src/kube/ip-address.ts";

const families = { 0: undefined, 4: "IPv4", 6: "IPv6" } as const;
const familyOfNode = (text: string) => families[isIP(text) as 0 | 4 | 6];

describe("ipFamily", () => {
  test("agrees with node:net on well-formed addresses", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        expect(ipFamily(text)).toBe(familyOfNode(text));
      }),
    );
  });

  test("agrees with node:net on what merely looks like an address", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0159afg:."), maxLength: 20 });
    fc.assert(
      fc.property(text, (candidate) => {
        expect(ipFamily(candidate)).toBe(familyOfNode(candidate));
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["", "1.2.3", "1.2.3.256", "01.2.3.4", ":::", "1::2::3", "g::1", "1.2.3.4::"])(
    "refuses %j",
    (text) => {
      expect(ipFamily(text)).toBeUndefined();
    },
  );
});

test("CIDR ranges have a prefix length that fits the family", () => {
  expect(["10.0.0.0/8", "::/0", "fd00::/128", "1.2.3.4/32"].every(isCIDR)).toBe(true);
  expect(
    ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/08", "10.0.0.0/", "x/8"].some(isCIDR),
  ).toBe(false);
});

test("endpoints may be on loopback, where pods of the process runtime live, but not link-local", () => {
  expect(unroutableReason("127.0.0.1")).toBeUndefined();
  expect(unroutableReason("10.1.2.3")).toBeUndefined();
  const refused = ["0.0.0.0", "::", "169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1"];
  expect(refused.filter((address) => unroutableReason(address) === undefined)).toEqual([]);
});
