import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  configKey,
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  domainQualifiedName,
  envVarName,
  generatedName,
  httpHeaderName,
  labelValue,
  maskTrailingDash,
  pathSegment,
  portName,
  portNumber,
  qualifiedName,
  SAFE_ALPHABET,
} from "../../src/kube/names.ts";

const rules: [name: string, rule: (value: string) => string[], good: string[], bad: string[]][] = [
  [
    "dns1123Label",
    dns1123Label,
    ["a", "web-1", "0", "a".repeat(63)],
    ["", "-a", "a-", "A", "a.b", "a_b", "a".repeat(64)],
  ],
  ["dns1035Label", dns1035Label, ["a", "web-1"], ["", "1web", "-a", "a-", "Web"]],
  [
    "dns1123Subdomain",
    dns1123Subdomain,
    ["a.b", "web-1.example", "1.2.3.4", "a".repeat(253)],
    ["", ".a", "a.", "a..b", "a.-b", "A", "a".repeat(254)],
  ],
  [
    "qualifiedName",
    qualifiedName,
    ["a", "A.b_c-1", "example.com/Name", `a.b/${"n".repeat(63)}`],
    ["", "/a", "a/", "a/b/c", "Example.com/a", "-a", "a b", "n".repeat(64)],
  ],
  ["domainQualifiedName", domainQualifiedName, ["a.b/c"], ["c", "/c"]],
  ["labelValue", labelValue, ["", "a", "A.b_c-1"], ["-a", "a b", "a/b", "v".repeat(64)]],
  ["pathSegment", pathSegment, ["system:node", "a b"], [".", "..", "a/b", "a%b"]],
  [
    "configKey",
    configKey,
    ["a", "app.conf", "_x", ".env", "-"],
    ["", ".", "..", "..a", "a/b", "a b"],
  ],
  [
    "portName",
    portName,
    ["http", "a1", "web-80"],
    ["", "80", "Http", "-a", "a--b", "a".repeat(16)],
  ],
  ["envVarName", envVarName, ["A", "my.var", "1A", "a-b", "a b"], ["", "A=B", "tab\t", "ü"]],
  ["httpHeaderName", httpHeaderName, ["X-Header", "a1"], ["", "X Header", "X:Y"]],
];

describe.each(rules)("%s", (_name, rule, good, bad) => {
  test.each(good)("takes %j", (value) => {
    expect(rule(value)).toEqual([]);
  });
  test.each(bad)("refuses %j and says why", (value) => {
    const found = rule(value);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((text) => text.length > 0)).toBe(true);
  });
});

test("port numbers are 1 to 65535", () => {
  expect([1, 80, 65_535].flatMap(portNumber)).toEqual([]);
  expect([0, -1, 65_536, 1.5].map((port) => portNumber(port).length)).toEqual([1, 1, 1, 1]);
});

test("a generateName may end with a dash, because a suffix follows", () => {
  expect(dns1123Label(maskTrailingDash("web-"))).toEqual([]);
  expect(dns1123Label(maskTrailingDash("-"))).not.toEqual([]);
});

test("generated names keep the prefix, fit into a label and use the safe alphabet", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."abc-xyz0"), maxLength: 80 }),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
        minLength: 5,
        maxLength: 5,
      }),
      (prefix, numbers) => {
        const name = generatedName(prefix, () => numbers.shift() ?? 0);
        expect(name.length).toBeLessThanOrEqual(63);
        expect(name.slice(0, -5)).toBe(prefix.slice(0, 58));
        expect(name.slice(-5)).toMatch(new RegExp(`^[${SAFE_ALPHABET}]{5}$`));
      },
    ),
  );
});

test("generated names follow the injected randomness", () => {
  expect(generatedName("web-", () => 0)).toBe("web-bbbbb");
  expect(generatedName("web-", () => 0.999)).toBe("web-99999");
});
