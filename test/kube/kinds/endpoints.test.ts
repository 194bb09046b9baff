/** EndpointSlices, Endpoints and Ingresses: who routes where. */
import { describe, expect, test } from "vitest";
import { endpoints } from "../../../src/kube/kinds/endpoints.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { ingresses } from "../../../src/kube/kinds/ingress.ts";
import { cells, type Draft, draft, problems, shown } from "./checked.ts";

const fields = (found: string[]) => found.map((problem) => problem.slice(0, problem.indexOf(": ")));

describe("an EndpointSlice", () => {
  const slice = (changed: Draft) =>
    fields(problems(endpointSlices, { addressType: "IPv4", endpoints: [], ...changed }));
  test("takes addresses of its type, loopback too", () => {
    expect(slice({ endpoints: [{ addresses: ["127.0.0.1", "10.0.0.1"] }] })).toEqual([]);
    expect(slice({ addressType: "IPv6", endpoints: [{ addresses: ["fd00::1"] }] })).toEqual([]);
    expect(slice({ addressType: "FQDN", endpoints: [{ addresses: ["example.com"] }] })).toEqual([]);
  });
  const bad: [what: string, changed: Draft, field: string][] = [
    ["an unknown type", { addressType: "MAC" }, "addressType"],
    [
      "an address of another type",
      { endpoints: [{ addresses: ["::1"] }] },
      "endpoints[0].addresses[0]",
    ],
    [
      "an address that goes nowhere",
      { endpoints: [{ addresses: ["0.0.0.0"] }] },
      "endpoints[0].addresses[0]",
    ],
    ["an endpoint without address", { endpoints: [{ addresses: [] }] }, "endpoints[0].addresses"],
    [
      "a bad hostname",
      { endpoints: [{ addresses: ["10.0.0.1"], hostname: "a.b" }] },
      "endpoints[0].hostname",
    ],
    [
      "too many endpoints",
      { endpoints: Array.from({ length: 1001 }, () => ({ addresses: ["10.0.0.1"] })) },
      "endpoints",
    ],
    ["a port out of range", { ports: [{ port: 0 }] }, "ports[0].port"],
    ["two unnamed ports", { ports: [{ port: 1 }, { port: 2 }] }, "ports[1].name"],
  ];
  test.each(bad)("refuses %s", (_what, changed, field) => {
    expect(slice(changed)).toEqual([field]);
  });
  test("keeps its address type", () => {
    const of = (addressType: string) => draft(endpointSlices, { addressType, endpoints: [] });
    const found = endpointSlices.strategy.validateUpdate?.(of("IPv6"), of("IPv4")) ?? [];
    expect(fields(shown(found))).toEqual(["addressType"]);
  });
  test("shows three of each, then how many more", () => {
    const object = draft(endpointSlices, {
      addressType: "IPv4",
      ports: [{ port: 80 }, { name: "any" }, {}, { port: 1 }],
      endpoints: [
        { addresses: ["10.0.0.1", "10.0.0.2"] },
        { addresses: ["10.0.0.3"] },
        { addresses: ["10.0.0.4"] },
      ],
    });
    expect(cells(endpointSlices, object)).toMatchObject({
      AddressType: "IPv4",
      Ports: "80,any,* + 1 more...",
      Endpoints: "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...",
    });
    const bare = draft(endpointSlices, { addressType: "IPv4" });
    expect(cells(endpointSlices, bare)).toMatchObject({ Ports: "<unset>", Endpoints: "<unset>" });
  });
});

describe("Endpoints", () => {
  test("show addresses with their ports", () => {
    const of = (subsets: Draft[]) => cells(endpoints, draft(endpoints, { subsets })).Endpoints;
    expect(of([])).toBe("<none>");
    expect(
      of([{ addresses: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }], ports: [{ port: 80 }] }]),
    ).toBe("10.0.0.1:80,[fd00::1]:80");
    expect(of([{ addresses: [{ ip: "10.0.0.1" }] }])).toBe("10.0.0.1");
    expect(of([{ notReadyAddresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }])).toBe("<none>");
  });
  test("have addresses, and names for several ports", () => {
    const of = (...subsets: Draft[]) => fields(problems(endpoints, { subsets }));
    const addresses = [{ ip: "10.0.0.1" }];
    expect(of({ addresses, ports: [{ port: 80 }] })).toEqual([]);
    expect(of({ ports: [{ port: 80 }] })).toEqual(["subsets[0]"]);
    expect(of({ addresses: [{ ip: "here" }] })).toEqual(["subsets[0].addresses[0].ip"]);
    expect(of({ addresses, ports: [{ name: "a", port: 80 }, { port: 81 }] })).toEqual([
      "subsets[0].ports[1].name",
    ]);
  });
});

describe("an Ingress", () => {
  const service = { name: "web", port: { name: "http" } };
  const path = { path: "/", pathType: "Prefix", backend: { service } };
  const withPath = (changed: Draft) => ({
    rules: [{ http: { paths: [{ ...path, ...changed }] } }],
  });
  const check = (spec: Draft) => fields(problems(ingresses, { spec }));
  const P = "spec.rules[0].http.paths[0]";

  test.each<[what: string, spec: Draft]>([
    [
      "a default backend alone",
      { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    ],
    [
      "a wildcard host with TLS",
      {
        ...withPath({}),
        rules: [{ host: "*.a.b", http: { paths: [path] } }],
        tls: [{ hosts: ["*.a.b"] }],
      },
    ],
    [
      "a path for the controller to read",
      withPath({ pathType: "ImplementationSpecific", path: "/.*" }),
    ],
    ["another resource", withPath({ backend: { resource: { kind: "Bucket", name: "b" } } })],
  ])("takes %s", (_what, spec) => {
    expect(check(spec)).toEqual([]);
  });
  test.each<[what: string, spec: Draft, field: string]>([
    ["nothing to route", {}, "spec"],
    [
      "an address as host",
      { rules: [{ host: "10.0.0.1", http: { paths: [path] } }] },
      "spec.rules[0].host",
    ],
    [
      "a host that is none",
      { rules: [{ host: "a_b", http: { paths: [path] } }] },
      "spec.rules[0].host",
    ],
    ["a rule without paths", { rules: [{ http: { paths: [] } }] }, "spec.rules[0].http.paths"],
    ["an unknown path type", withPath({ pathType: "Regex" }), `${P}.pathType`],
    ["a relative path", withPath({ path: "a" }), `${P}.path`],
    ["a path that proxies read differently", withPath({ path: "/a//b" }), `${P}.path`],
    ["a path that climbs", withPath({ pathType: "Exact", path: "/a/.." }), `${P}.path`],
    ["no backend", withPath({ backend: {} }), `${P}.backend`],
    [
      "a backend without port",
      withPath({ backend: { service: { name: "web" } } }),
      `${P}.backend.service.port`,
    ],
    [
      "a backend with two ports",
      withPath({ backend: { service: { name: "web", port: { name: "a", number: 1 } } } }),
      `${P}.backend.service.port`,
    ],
  ])("refuses %s", (_what, spec, field) => {
    expect(check(spec)).toEqual([field]);
  });
  test("shows class, hosts, address and ports", () => {
    const rules = ["a.b", "c.d", "e.f", "g.h"].map((host) => ({ host }));
    const object = draft(ingresses, {
      spec: { ingressClassName: "gantry", rules, tls: [{}] },
      status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }, { hostname: "lb" }] } },
    });
    expect(cells(ingresses, object)).toMatchObject({
      Class: "gantry",
      Hosts: "a.b,c.d,e.f + 1 more...",
      Address: "1.2.3.4,lb",
      Ports: "80, 443",
    });
    expect(cells(ingresses, draft(ingresses))).toMatchObject({
      Class: "<none>",
      Hosts: "*",
      Address: "",
      Ports: "80",
    });
  });
});
