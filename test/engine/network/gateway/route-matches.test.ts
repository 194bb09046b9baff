/** Which rule a request is for, by the rules of HTTPRoute in gateway.networking.k8s.io/v1. */
import { describe, expect, test } from "vitest";
import {
  type GatewayWorld,
  planGateways,
} from "../../../../src/engine/network/gateway/plan-gateways.ts";
import type { Asked } from "../../../../src/engine/network/gateway/route-matches.ts";
import { BUILT_IN_GATEWAY_CLASS } from "../../../../src/kube/kinds/gatewayclass.ts";
import type { Gateway, HTTPRouteMatch } from "../../../../src/kube/kinds/gateway/gateway-types.ts";
import type { Service } from "../../../../src/kube/kinds/service.ts";
import {
  exact,
  gatewayOf,
  HTTP,
  pattern,
  prefix,
  type RouteDraft,
  routeOf,
  to,
} from "./gateway-objects.ts";

const service = (key: string): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: key.split("/")[1] ?? "" },
  spec: { ports: [{ port: 80 }] },
});

function planOf(drafts: readonly RouteDraft[], gateways: Gateway[] = [gatewayOf()]) {
  const world: GatewayWorld = {
    classes: [BUILT_IN_GATEWAY_CLASS],
    gateways,
    httpRoutes: drafts.map(routeOf),
    grpcRoutes: [],
    grants: [],
    ports: { http: 8081, https: 8444 },
    labelsOf: () => ({}),
    secretOf: () => undefined,
    serviceOf: service,
    certificateProblem: () => undefined,
    failure: () => undefined,
  };
  return planGateways(world);
}

/** The Service that `http://host/path?query` reaches. */
function served(
  drafts: readonly RouteDraft[],
  url: string,
  rest: Partial<Asked> = {},
  gateways?: Gateway[],
): string | undefined {
  const { host, pathname, search } = new URL(url);
  const asked: Asked = {
    host,
    path: pathname,
    query: search.slice(1),
    method: "GET",
    headers: {},
    ...rest,
  };
  const rule = planOf(drafts, gateways).tables.get("http")?.find(asked)?.rule;
  return rule?.targets[0]?.backend?.service;
}
const rules = (...list: [string, ...HTTPRouteMatch[]][]): RouteDraft[] => [
  { rules: list.map(([name, ...matches]) => to(name, { matches })) },
];

describe("paths", () => {
  test.each([
    [
      "exact before a longer prefix",
      rules(["p", prefix("/foo")], ["e", exact("/foo")]),
      "/foo",
      "e",
    ],
    ["prefix by elements", rules(["p", prefix("/foo")]), "/foobar", undefined],
    ["prefix with a slash at its end", rules(["p", prefix("/foo/")]), "/foo", "p"],
    ["what follows a prefix", rules(["p", prefix("/foo")]), "/foo/bar", "p"],
    ["the longer prefix", rules(["a", prefix("/")], ["b", prefix("/foo")]), "/foo/x", "b"],
    ["upper and lower case differ", rules(["p", prefix("/foo")]), "/FOO", undefined],
    ["an exact path has no slash more", rules(["e", exact("/foo")]), "/foo/", undefined],
    ["a pattern matches the whole path", rules(["r", pattern("/v[0-9]+")]), "/v12", "r"],
    ["not a part of it", rules(["r", pattern("/v[0-9]+")]), "/v12/x", undefined],
    ["a pattern before a prefix", rules(["p", prefix("/")], ["r", pattern("/v.*")]), "/v1", "r"],
    ["a rule without matches is for all", [{ rules: [to("all")] }], "/any", "all"],
  ])("%s", (_what, drafts, path, expected) => {
    expect(served(drafts, `http://a.org${path}`)).toBe(expected);
  });

  test("a pattern that others would take for ever over is done at once", () => {
    const drafts = rules(["r", pattern("/(a+)+b")], ["p", prefix("/")]);
    const started = performance.now();
    expect(served(drafts, `http://a.org/${"a".repeat(30_000)}`)).toBe("p");
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test("a path of very many elements takes no longer than the deepest rule", () => {
    const table = planOf(rules(["p", prefix("/a/b")])).tables.get("http");
    const asked = { host: "a.org", query: "", method: "GET", headers: {} };
    const started = performance.now();
    for (let round = 0; round < 1_000; round++)
      table?.find({ ...asked, path: "/a".repeat(16_000) });
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("precedence on the same path", () => {
  const any = prefix("/");
  const header = { headers: [{ name: "Version", value: "two" }] };
  const query = { queryParams: [{ name: "x", value: "1" }] };
  test("method, then number of headers, then number of parameters, then the order of rules", () => {
    const drafts = rules(
      ["plain", any],
      ["later", any],
      ["query", { ...any, ...query }],
      ["header", { ...any, ...header }],
      ["method", { ...any, method: "GET" }],
    );
    const headers = { version: "two" };
    expect(served(drafts, "http://a.org/?x=1", { headers })).toBe("method");
    expect(served(drafts, "http://a.org/?x=1", { headers, method: "PUT" })).toBe("header");
    expect(served(drafts, "http://a.org/?x=1", { method: "PUT" })).toBe("query");
    expect(served(drafts, "http://a.org/?x=2", { method: "PUT" })).toBe("plain");
  });

  test("the older route comes first, then the first by name", () => {
    const drafts: RouteDraft[] = [
      { name: "c", age: 20, rules: [to("late")] },
      { name: "b", age: 10, rules: [to("early-b")] },
      { name: "a", age: 10, rules: [to("early-a")] },
    ];
    expect(served(drafts, "http://a.org/")).toBe("early-a");
  });

  test("all headers have to match; of several tests of one header the first counts", () => {
    const two = {
      headers: [
        ...header.headers,
        { name: "version", value: "ignored" },
        { name: "b", value: "v.*", type: "RegularExpression" as const },
      ],
    };
    const drafts = rules(["two", { ...any, ...two }]);
    expect(served(drafts, "http://a.org/", { headers: { version: "two", b: "v7" } })).toBe("two");
    expect(served(drafts, "http://a.org/", { headers: { version: "two" } })).toBeUndefined();
    expect(
      served(drafts, "http://a.org/", { headers: { version: "two", b: "xv7" } }),
    ).toBeUndefined();
  });

  test("parameters are compared decoded, the first of each name", () => {
    const drafts = rules(["q", { queryParams: [{ name: "a b", value: "ä" }] }]);
    expect(served(drafts, "http://a.org/?a%20b=%C3%A4&a+b=no")).toBe("q");
    expect(served(drafts, "http://a.org/?a+b=no&a+b=%C3%A4")).toBeUndefined();
  });
});

describe("hosts", () => {
  const drafts: RouteDraft[] = [
    { name: "any", rules: [to("any")] },
    { name: "wild", hostnames: ["*.example.com"], rules: [to("wild")] },
    { name: "deep", hostnames: ["*.b.example.com"], rules: [to("deep")] },
    {
      name: "exact",
      hostnames: ["a.example.com"],
      rules: [to("exact", { matches: [prefix("/x")] })],
    },
  ];
  test.each([
    ["a.example.com/x", "exact"],
    // A rule of a less exact host comes after, not never.
    ["a.example.com/y", "wild"],
    ["c.b.example.com/", "deep"],
    ["d.c.example.com/", "wild"],
    ["example.com/", "any"],
    ["other.org/", "any"],
  ])("%s is served by %s", (url, expected) => {
    expect(served(drafts, `http://${url}`)).toBe(expected);
  });

  test("the most exact listener decides before its routes do", () => {
    const gateways = [
      gatewayOf("web", { ...HTTP, name: "all" }, { ...HTTP, name: "shop", hostname: "shop.org" }),
    ];
    const some: RouteDraft[] = [
      { name: "a", parentRefs: [{ name: "web", sectionName: "all" }], rules: [to("all")] },
      {
        name: "b",
        parentRefs: [{ name: "web", sectionName: "shop" }],
        rules: [to("shop", { matches: [prefix("/cart")] })],
      },
    ];
    expect(served(some, "http://shop.org/cart", {}, gateways)).toBe("shop");
    expect(served(some, "http://shop.org/", {}, gateways)).toBeUndefined();
    expect(served(some, "http://other.org/", {}, gateways)).toBe("all");
  });

  test("a route has only the hosts that its listener has, too", () => {
    const gateways = [gatewayOf("web", { ...HTTP, hostname: "*.example.com" })];
    const some: RouteDraft[] = [
      { name: "a", hostnames: ["a.example.com", "other.org"], rules: [to("a")] },
      { name: "b", rules: [to("b")] },
    ];
    expect(served(some, "http://a.example.com/", {}, gateways)).toBe("a");
    expect(served(some, "http://b.example.com/", {}, gateways)).toBe("b");
    expect(served(some, "http://other.org/", {}, gateways)).toBeUndefined();
    expect(served(some, "http://example.com/", {}, gateways)).toBeUndefined();
  });
});
