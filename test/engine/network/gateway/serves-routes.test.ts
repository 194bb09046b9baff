/** HTTPRoutes end to end: filters, weights, timeouts, over real sockets. */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gateways } from "../../../../src/kube/kinds/gateway.ts";
import type { HTTPRoute, RouteFilter } from "../../../../src/kube/kinds/gateway/gateway-types.ts";
import { httpRoutes } from "../../../../src/kube/kinds/httproute.ts";
import { ingresses } from "../../../../src/kube/kinds/ingress.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import { IngressFixture } from "../ingress/ingress-fixture.ts";
import { ingressOf } from "../ingress/ingress-objects.ts";
import {
  asJson,
  gatewayOf,
  prefix,
  type RouteDraft,
  routeOf,
  to,
  told,
} from "./gateway-objects.ts";

let fixture: IngressFixture;
let random = 0;
beforeEach(async () => {
  random = 0;
  fixture = await IngressFixture.start({ random: () => random });
});
afterEach(() => fixture.stop());

const isRouted = ({ status }: HTTPRoute): boolean =>
  (status?.parents ?? []).some(
    ({ conditions }) => told(conditions)["Accepted"] === "True Accepted",
  );

/** A Service whose only endpoint says what it was asked, and `name`. */
async function echo(name: string): Promise<void> {
  const port = await fixture.app((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.on("end", () => {
      response.setHeader("X-Backend", name);
      response.setHeader("X-Internal", "1");
      response.end(JSON.stringify({ name, url: request.url, headers: request.headers, body }));
    });
  });
  await fixture.service(name, port);
}
interface Echo {
  readonly name: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}
async function serve(...drafts: RouteDraft[]): Promise<void> {
  await fixture.client.create(gateways, gatewayOf());
  for (const draft of drafts) await fixture.settled(httpRoutes, routeOf(draft), isRouted);
  await fixture.until(
    gateways,
    "web",
    ({ status }) => told(status?.conditions)["Programmed"] === "True Programmed",
  );
}
const filtered = (...filters: RouteFilter[]): RouteDraft => ({ rules: [to("app", { filters })] });
async function asked(url: string, headers: Record<string, string> = {}): Promise<Echo> {
  const { status, body } = await fixture.get(url, { headers });
  expect(status).toBe(200);
  return JSON.parse(body) as Echo;
}

describe("filters", () => {
  beforeEach(() => echo("app"));

  test("change the headers of requests: set, add, remove, whatever their case", async () => {
    await serve(
      filtered({
        type: "RequestHeaderModifier",
        requestHeaderModifier: {
          set: [{ name: "X-Set", value: "new" }],
          add: [{ name: "X-Added", value: "two" }],
          remove: ["x-secret"],
        },
      }),
    );
    const { headers } = await asked("a.org/", {
      "x-set": "old",
      "x-added": "one",
      "X-Secret": "s",
    });
    expect(headers).toMatchObject({ "x-set": "new", "x-added": "one, two" });
    expect(headers).not.toHaveProperty("x-secret");
  });

  test("change the headers of answers, of one backend only as well", async () => {
    const [reference] = to("app").backendRefs ?? [];
    if (reference === undefined) throw new Error("no backend");
    await serve({
      rules: [
        {
          filters: [
            { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["X-Internal"] } },
          ],
          backendRefs: [
            {
              ...reference,
              filters: [
                {
                  type: "ResponseHeaderModifier",
                  responseHeaderModifier: { set: [{ name: "x-backend", value: "hidden" }] },
                },
              ],
            },
          ],
        },
      ],
    });
    const { headers } = await fixture.get("a.org/");
    expect(headers["x-backend"]).toBe("hidden");
    expect(headers).not.toHaveProperty("x-internal");
  });

  test.each([
    ["/", "/foo", "/"],
    ["/", "/foo/bar?x=1", "/bar?x=1"],
    ["/new", "/foo", "/new"],
    ["/new", "/foo/", "/new/"],
    ["/new/", "/foo/bar", "/new/bar"],
    ["", "/foo/bar", "/bar"],
  ])("replace a prefix by %s: %s becomes %s", async (replacement, path, expected) => {
    await serve({
      rules: [
        to("app", {
          matches: [prefix("/foo")],
          filters: [
            {
              type: "URLRewrite",
              urlRewrite: {
                hostname: "inner.org",
                path: { type: "ReplacePrefixMatch", replacePrefixMatch: replacement },
              },
            },
          ],
        }),
      ],
    });
    const { url, headers } = await asked(`a.org${path}`);
    expect(url).toBe(expected);
    expect(headers).toMatchObject({ host: "inner.org", "x-forwarded-host": "a.org" });
  });

  test("redirect: scheme, host, path, port and status, the query kept", async () => {
    const at = (value: string, filter: RouteFilter["requestRedirect"]) => ({
      matches: [prefix(value)],
      filters: [{ type: "RequestRedirect" as const, requestRedirect: filter ?? {} }],
    });
    await serve({
      rules: [
        at("/host", { hostname: "b.org", statusCode: 301 }),
        at("/scheme", { scheme: "https" }),
        at("/port", { port: 8443, scheme: "https" }),
        at("/old", { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/new" } }),
        at("/full", { path: { type: "ReplaceFullPath", replaceFullPath: "//evil.org" } }),
      ],
    });
    const location = async (url: string) => {
      const { status, headers } = await fixture.get(url);
      return `${status} ${String(headers.location)}`;
    };
    expect(await location("a.org/host/x?y=1")).toBe("301 http://b.org/host/x?y=1");
    expect(await location("a.org/scheme")).toBe("302 https://a.org/scheme");
    expect(await location("a.org/port")).toBe("302 https://a.org:8443/port");
    expect(await location("a.org/old/x")).toBe("302 http://a.org/new/x");
    expect(await location("a.org/full")).toBe("302 http://a.org/evil.org");
    // A client that knows the real port is sent to a real port.
    const real = fixture.port();
    expect(await location(`a.org:${real}/host`)).toBe(`301 http://b.org:${real}/host`);
  });

  test("copy requests with their bodies to a second backend, whose answers nobody sees", async () => {
    const copies: string[] = [];
    let arrived = (): void => undefined;
    const port = await fixture.app((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
      request.on("end", () => {
        copies.push(`${request.method} ${request.url} ${body}`);
        response.statusCode = 500;
        response.end("ignored");
        arrived();
      });
    });
    await fixture.service("copy", port);
    await serve(
      filtered({
        type: "RequestMirror",
        requestMirror: { backendRef: { name: "copy", port: 80 }, percent: 50 },
      }),
    );
    const first = new Promise<void>((resolve) => (arrived = resolve));
    expect((await fixture.get("a.org/x", { method: "POST", body: "text" })).status).toBe(200);
    await first;
    random = 0.7;
    expect((await fixture.get("a.org/y")).status).toBe(200);
    random = 0.3;
    const second = new Promise<void>((resolve) => (arrived = resolve));
    expect((await fixture.get("a.org/z")).status).toBe(200);
    await second;
    expect(copies).toEqual(["POST /x text", "GET /z "]);
  });

  test("a copy that is not taken holds up nothing", async () => {
    await fixture.service("stuck", await fixture.app((request) => void request.pause()));
    await serve(
      filtered({
        type: "RequestMirror",
        requestMirror: { backendRef: { name: "stuck", port: 80 } },
      }),
    );
    const body = "x".repeat(3_000_000);
    const { status, body: echoed } = await fixture.get("a.org/", { method: "POST", body });
    expect(status).toBe(200);
    expect((JSON.parse(echoed) as Echo).body).toHaveLength(body.length);
  });

  test("CORS: answers preflight requests, and grants allowed origins only", async () => {
    await serve(
      filtered({
        type: "CORS",
        cors: {
          allowOrigins: ["https://app.example", "https://*.example.org"],
          allowMethods: ["GET", "PUT"],
          allowHeaders: ["X-One"],
          exposeHeaders: ["X-Backend"],
          allowCredentials: true,
          maxAge: 60,
        },
      }),
    );
    const preflight = (origin: string) =>
      fixture.get("a.org/", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "PUT" },
      });
    expect(await preflight("https://app.example")).toMatchObject({
      status: 204,
      headers: {
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "X-One",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "60",
      },
    });
    expect((await preflight("https://evil.example")).headers).not.toHaveProperty(
      "access-control-allow-origin",
    );
    const simple = (origin: string) => fixture.get("a.org/", { headers: { origin } });
    expect((await simple("https://x.example.org")).headers).toMatchObject({
      "access-control-allow-origin": "https://x.example.org",
      "access-control-expose-headers": "X-Backend",
    });
    expect((await simple("https://x.example.org.evil.com")).headers).not.toHaveProperty(
      "access-control-allow-origin",
    );
  });

  test("one that is not known here is never left out: 500", async () => {
    await serve(
      filtered({ type: "ExtensionRef", extensionRef: { group: "a.org", kind: "Auth", name: "x" } }),
    );
    expect((await fixture.get("a.org/")).status).toBe(500);
    const { items } = await fixture.client.list(httpRoutes, { namespace: "default" });
    expect(told(items[0]?.status?.parents[0]?.conditions)).toMatchObject({
      ResolvedRefs: "False InvalidKind",
    });
  });
});

describe("weights", () => {
  beforeEach(() => Promise.all([echo("stable"), echo("canary")]));
  const weighted = (stable: number, canary: number, canaryName = "canary"): RouteDraft => ({
    rules: [
      {
        backendRefs: [
          { name: "stable", port: 80, weight: stable },
          { name: canaryName, port: 80, weight: canary },
        ],
      },
    ],
  });
  async function shares(): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    for (let step = 0; step < 20; step++) {
      random = step / 20;
      const { status, headers } = await fixture.get("a.org/");
      const who = status === 200 ? String(headers["x-backend"]) : String(status);
      seen[who] = (seen[who] ?? 0) + 1;
    }
    return seen;
  }

  test("share requests in proportion, and 0 gets none", async () => {
    await serve(weighted(90, 10));
    expect(await shares()).toEqual({ stable: 18, canary: 2 });
    const change = async (draft: RouteDraft) => {
      await fixture.client.patch(
        httpRoutes,
        { namespace: "default", name: "route" },
        { type: "merge", body: asJson({ spec: { rules: draft.rules } }) },
      );
      await fixture.until(httpRoutes, "route", ({ metadata, status }) =>
        (status?.parents ?? []).some(
          ({ conditions }) => conditions[0]?.observedGeneration === metadata.generation,
        ),
      );
    };
    await change(weighted(0, 1));
    expect(await shares()).toEqual({ canary: 20 });
    await change(weighted(0, 0));
    expect(await shares()).toEqual({ "500": 20 });
  });

  test("the share of a backend that is not there is answered 500, and told", async () => {
    await serve(weighted(15, 5, "gone"));
    expect(await shares()).toEqual({ stable: 15, "500": 5 });
    const { items } = await fixture.client.list(httpRoutes, { namespace: "default" });
    expect(told(items[0]?.status?.parents[0]?.conditions)).toEqual({
      Accepted: "True Accepted",
      ResolvedRefs: "False BackendNotFound",
    });
    // And no longer, once it is.
    await echo("gone");
    await fixture.until(
      httpRoutes,
      "route",
      ({ status }) => told(status?.parents[0]?.conditions)["ResolvedRefs"] === "True ResolvedRefs",
    );
    expect(await shares()).toEqual({ stable: 15, gone: 5 });
  });
});

describe("timeouts", () => {
  test("of a request: 504 before an answer, cut off in the middle of one", async () => {
    const port = await fixture.app((request, response) => {
      if (request.url === "/begun") response.write("half");
    });
    await fixture.service("slow", port);
    await serve({ rules: [to("slow", { timeouts: { request: "150ms" } })] });
    expect((await fixture.get("a.org/")).status).toBe(504);
    await expect(fixture.get("a.org/begun")).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("of an attempt: 504, and the backend is let go", async () => {
    let gone: Promise<unknown> = Promise.resolve();
    const port = await fixture.app((_request, response) => {
      gone = once(response, "close");
    });
    await fixture.service("slow", port);
    await serve({ rules: [to("slow", { timeouts: { backendRequest: "100ms" } })] });
    expect((await fixture.get("a.org/")).status).toBe(504);
    await gone;
  });
});

test("beside an Ingress the more exact host decides, and the route where both name the same", async () => {
  await Promise.all([echo("app"), echo("old")]);
  await fixture.client.create(
    ingresses,
    ingressOf({
      rules: [
        { host: "shop.org", to: "old" },
        { host: "only.org", to: "old" },
      ],
      defaultTo: "old",
    }),
  );
  await serve(
    { name: "shop", hostnames: ["shop.org"], rules: [to("app", { matches: [prefix("/new")] })] },
    { name: "wild", hostnames: ["*.org"], rules: [to("app", { matches: [prefix("/wild")] })] },
  );
  const names = async (url: string) => (await asked(url)).name;
  expect(await names("shop.org/new")).toBe("app");
  expect(await names("shop.org/rest")).toBe("old");
  expect(await names("only.org/wild")).toBe("old");
  expect(await names("third.org/wild")).toBe("app");
  expect(await names("third.org/rest")).toBe("old");
});

test("the access log says which route, without the query", async () => {
  await echo("app");
  await serve({ name: "shop", rules: [to("app")] });
  await fixture.get("a.org/x?token=secret", { headers: { "user-agent": "u".repeat(2_000) } });
  await expect.poll(() => fixture.accesses.length).toBe(1);
  expect(fixture.accesses[0]).toMatchObject({
    protocol: "http/1.1",
    route: "HTTPRoute default/shop",
    status: 200,
    attempts: 1,
    path: "/x",
  });
  const line = JSON.stringify(fixture.accesses[0]);
  expect(line).not.toContain("secret");
  expect(line.length).toBeLessThan(4_096);
});

test("a Service that is deleted and comes back is served again", async () => {
  await echo("app");
  await serve({ rules: [to("app")] });
  await fixture.client.delete(services, { namespace: "default", name: "app" });
  await fixture.until(
    httpRoutes,
    "route",
    ({ status }) =>
      told(status?.parents[0]?.conditions)["ResolvedRefs"] === "False BackendNotFound",
  );
  expect((await fixture.get("a.org/")).status).toBe(500);
});
