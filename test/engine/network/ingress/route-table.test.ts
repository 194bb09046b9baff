/** Host and path matching, as the documentation of Ingress has it. */
import { describe, expect, test } from "vitest";
import { buildRouteTable } from "../../../../src/engine/network/ingress/route-table.ts";
import { type IngressDraft, ingressOf, type Rule } from "./ingress-objects.ts";

/** The Service that a request reaches. */
function served(drafts: readonly IngressDraft[], host: string, path: string): string | undefined {
  return buildRouteTable(drafts.map(ingressOf)).find(host, path)?.backend?.service;
}
const rules = (...list: Rule[]): IngressDraft[] => [{ rules: list }];

describe("paths", () => {
  // https://kubernetes.io/docs/concepts/services-networking/ingress/#examples
  test.each<[kind: Rule["type"], paths: string[], request: string, matched: string | undefined]>([
    ["Prefix", ["/"], "/any/path", "/"],
    ["Exact", ["/foo"], "/foo", "/foo"],
    ["Exact", ["/foo"], "/bar", undefined],
    ["Exact", ["/foo"], "/foo/", undefined],
    ["Exact", ["/foo/"], "/foo", undefined],
    ["Exact", ["/foo"], "/FOO", undefined],
    ["Prefix", ["/foo"], "/foo", "/foo"],
    ["Prefix", ["/foo"], "/foo/", "/foo"],
    ["Prefix", ["/foo/"], "/foo", "/foo/"],
    ["Prefix", ["/foo/"], "/foo/", "/foo/"],
    ["Prefix", ["/aaa/bb"], "/aaa/bbb", undefined],
    ["Prefix", ["/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"],
    ["Prefix", ["/aaa/bbb/"], "/aaa/bbb", "/aaa/bbb/"],
    ["Prefix", ["/aaa/bbb"], "/aaa/bbb/", "/aaa/bbb"],
    ["Prefix", ["/aaa/bbb"], "/aaa/bbb/ccc", "/aaa/bbb"],
    ["Prefix", ["/aaa/bbb"], "/aaa/bbbxyz", undefined],
    ["Prefix", ["/", "/aaa"], "/aaa/ccc", "/aaa"],
    ["Prefix", ["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"],
    ["Prefix", ["/", "/aaa", "/aaa/bbb"], "/ccc", "/"],
    ["Prefix", ["/aaa"], "/ccc", undefined],
    ["Prefix", ["/aaa"], "/", undefined],
    ["ImplementationSpecific", ["/foo"], "/foo/bar", "/foo"],
    ["ImplementationSpecific", [""], "/foo/bar", ""],
  ])("%s %j: %s is served by %s", (type = "Prefix", paths, request, matched) => {
    const drafts = rules(...paths.map((path, at) => ({ path, type, to: `s${at}` })));
    const expected = matched === undefined ? undefined : `s${paths.indexOf(matched)}`;
    expect(served(drafts, "any.example", request)).toBe(expected);
  });

  test("an exact path comes before the same prefix, whatever the order", () => {
    const exact: Rule = { path: "/foo", type: "Exact", to: "exact" };
    const prefix: Rule = { path: "/foo", type: "Prefix", to: "prefix" };
    for (const order of [
      [exact, prefix],
      [prefix, exact],
    ]) {
      expect(served(rules(...order), "h", "/foo")).toBe("exact");
      expect(served(rules(...order), "h", "/foo/bar")).toBe("prefix");
    }
  });

  test("a path of very many elements takes no longer than the deepest rule", () => {
    const table = buildRouteTable([ingressOf({ rules: [{ path: "/a/b", to: "deep" }] })]);
    const path = "/a".repeat(16_000);
    const started = performance.now();
    for (let round = 0; round < 1_000; round++) table.find("h", path);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("hosts", () => {
  const drafts = rules(
    { host: "shop.example.com", to: "exact" },
    { host: "*.example.com", to: "wildcard" },
    { to: "any" },
  );
  test.each([
    ["shop.example.com", "exact"],
    ["blog.example.com", "wildcard"],
    ["a.blog.example.com", "any"],
    ["example.com", "any"],
    ["other.org", "any"],
    ["127.0.0.1", "any"],
    ["localhost", "any"],
  ])("%s is served by the rule that is most exact: %s", (host, service) => {
    expect(served(drafts, host, "/")).toBe(service);
  });

  test("the host decides before the path: another host's rule is no fallback", () => {
    const some = rules({ host: "a.example.com", path: "/only", to: "a" }, { to: "any" });
    expect(served(some, "a.example.com", "/other")).toBeUndefined();
  });
});

describe("default backends", () => {
  test("without rules: everything that nothing else matches", () => {
    const drafts: IngressDraft[] = [
      { name: "all", defaultTo: "fallback" },
      { name: "shop", rules: [{ host: "shop.example.com", path: "/cart", to: "shop" }] },
    ];
    expect(served(drafts, "shop.example.com", "/cart")).toBe("shop");
    expect(served(drafts, "shop.example.com", "/about")).toBe("fallback");
    expect(served(drafts, "other.org", "/")).toBe("fallback");
  });

  test("beside rules: first what their own hosts leave, then what nobody else wants", () => {
    const drafts: IngressDraft[] = [
      { name: "a", age: 1, defaultTo: "a-rest", rules: [{ host: "a.org", path: "/x", to: "a" }] },
      { name: "b", age: 2, defaultTo: "b-rest", rules: [{ host: "b.org", path: "/x", to: "b" }] },
    ];
    expect(served(drafts, "a.org", "/y")).toBe("a-rest");
    expect(served(drafts, "b.org", "/y")).toBe("b-rest");
    expect(served(drafts, "c.org", "/y")).toBe("a-rest");
    const withAll = [...drafts, { name: "all", age: 3, defaultTo: "all" }];
    expect(served(withAll, "c.org", "/y")).toBe("all");
    expect(served(withAll, "b.org", "/y")).toBe("b-rest");
  });

  test("there need not be one", () => {
    expect(served(rules({ host: "a.org", to: "a" }), "b.org", "/")).toBeUndefined();
    expect(served([], "b.org", "/")).toBeUndefined();
  });
});

describe("several Ingresses", () => {
  test("share a host", () => {
    const drafts: IngressDraft[] = [
      { name: "shop", rules: [{ host: "a.org", path: "/shop", to: "shop" }] },
      { name: "blog", rules: [{ host: "a.org", path: "/blog", to: "blog" }] },
    ];
    expect(served(drafts, "a.org", "/shop/1")).toBe("shop");
    expect(served(drafts, "a.org", "/blog/1")).toBe("blog");
    expect(buildRouteTable(drafts.map(ingressOf)).problems).toEqual([]);
  });

  test("that claim the same: the older one has it, the other one is told", () => {
    const drafts: IngressDraft[] = [
      { name: "late", age: 20, rules: [{ host: "a.org", path: "/x/", to: "late" }] },
      { name: "early", age: 10, rules: [{ host: "a.org", path: "/x", to: "early" }] },
    ];
    expect(served(drafts, "a.org", "/x")).toBe("early");
    expect(buildRouteTable(drafts.map(ingressOf)).problems).toEqual([
      {
        ingress: "default/late",
        reason: "PathConflict",
        message: expect.stringContaining("default/early") as string,
      },
    ]);
  });
});

test("a backend that is no Service matches, leads nowhere and is told", () => {
  const ingress = ingressOf({ rules: [{ host: "a.org", to: "x" }] });
  const [rule] = ingress.spec?.rules ?? [];
  const [path] = rule?.http?.paths ?? [];
  if (path === undefined) throw new Error("no path");
  path.backend = { resource: { kind: "Bucket", name: "b" } };
  const table = buildRouteTable([ingress]);
  expect(table.find("a.org", "/")).toEqual({ ingress: "default/web", backend: undefined });
  expect(table.problems).toMatchObject([{ reason: "UnsupportedBackend" }]);
  expect(table.backends).toEqual([]);
});

test("ports are told apart by name and number", () => {
  const table = buildRouteTable([
    ingressOf({
      rules: [
        { path: "/number", to: "s:8080" },
        { path: "/name", to: "s:http" },
      ],
    }),
  ]);
  expect(table.backends.map(({ port }) => port)).toEqual([8080, "http"]);
});
