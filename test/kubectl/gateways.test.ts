/** The Gateway API through stock kubectl: what is applied, shown, explained, merged and refused. */
import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const API = "gateway.networking.k8s.io/v1";
const gateway = (
  listeners: readonly object[] = [{ name: "http", port: 80, protocol: "HTTP" }],
) => ({
  apiVersion: API,
  kind: "Gateway",
  metadata: { name: "web" },
  spec: { gatewayClassName: "gantry", listeners },
});
const route = (spec: object, name = "shop") => ({
  apiVersion: API,
  kind: "HTTPRoute",
  metadata: { name },
  spec: { parentRefs: [{ name: "web" }], ...spec },
});
const rule = (rest: object) => ({ rules: [rest] });

describeKubectl("gateways", () => {
  const cluster = useCluster();

  test("the class gantry is there from the start", async () => {
    const text = await cluster.kubectl("get gatewayclasses");
    expect(text).toMatch(/NAME +CONTROLLER +ACCEPTED +AGE\ngantry +gantry\.dev\/gateway/);
    expect(await cluster.kubectl("get gc gantry -o name")).toBe(
      "gatewayclass.gateway.networking.k8s.io/gantry\n",
    );
  });

  test("are applied with upstream's defaults, and shown", async () => {
    await cluster.apply(
      gateway(),
      route({
        hostnames: ["shop.example.com"],
        ...rule({ backendRefs: [{ name: "shop", port: 80 }] }),
      }),
    );
    expect(await cluster.kubectl("get gateway web")).toMatch(
      /NAME +CLASS +ADDRESS +PROGRAMMED +AGE\nweb +gantry/,
    );
    expect(await cluster.kubectl("get httproutes")).toMatch(
      /NAME +HOSTNAMES +AGE\nshop +\["shop.example.com"\]/,
    );
    const { spec } = JSON.parse(await cluster.kubectl("get httproute shop -o json")) as {
      spec: unknown;
    };
    expect(spec).toEqual({
      hostnames: ["shop.example.com"],
      parentRefs: [{ group: API.split("/")[0], kind: "Gateway", name: "web" }],
      rules: [
        {
          backendRefs: [{ group: "", kind: "Service", name: "shop", port: 80, weight: 1 }],
          matches: [{ path: { type: "PathPrefix", value: "/" } }],
        },
      ],
    });
    // Applied again: nothing changes.
    await cluster.apply(gateway());
    const generation = "jsonpath={.metadata.generation}";
    expect(await cluster.kubectl(`get gateway web -o ${generation}`)).toBe("1");
    expect(await cluster.kubectl("explain httproute.spec.rules.timeouts")).toContain(
      "backendRequest",
    );
  });

  test("two teams apply listeners of one Gateway server-side: they are merged by name", async () => {
    const listener = (name: string) => [
      { name, port: 80, protocol: "HTTP", hostname: `${name}.org` },
    ];
    const shared = (name: string) => ({ ...gateway(listener(name)), metadata: { name: "shared" } });
    for (const team of ["a", "b"])
      await cluster.kubectl(
        `apply --server-side --field-manager=${team} -f -`,
        JSON.stringify(shared(team)),
      );
    expect(await cluster.kubectl("get gateway shared -o jsonpath={.spec.listeners[*].name}")).toBe(
      "a b",
    );
  });

  test.each([
    ["no listener", gateway([]), /spec\.listeners/],
    [
      "HTTPS without certificates",
      gateway([{ name: "s", port: 443, protocol: "HTTPS" }]),
      /spec\.listeners\[0\]\.tls: Required/,
    ],
    [
      "TLS where there is none",
      gateway([
        { name: "s", port: 80, protocol: "HTTP", tls: { certificateRefs: [{ name: "x" }] } },
      ]),
      /spec\.listeners\[0\]\.tls: Forbidden/,
    ],
    [
      "the same listener twice",
      gateway(["a", "b"].map((name) => ({ name, port: 80, protocol: "HTTP" }))),
      /spec\.listeners\[1\]: Duplicate/,
    ],
    ["a port beyond all ports", gateway([{ name: "s", port: 65_536, protocol: "HTTP" }]), /65535/],
    [
      "an unknown field",
      gateway([{ name: "s", port: 80, protocol: "HTTP", hostnames: ["a"] }]),
      /unknown field "spec\.listeners\[0\]\.hostnames"/,
    ],
    [
      "a path without a slash",
      route(rule({ matches: [{ path: { value: "x" } }] })),
      /must start with '\/'/,
    ],
    [
      "a path that is read in two ways",
      route(rule({ matches: [{ path: { value: "/a/../b" } }] })),
      /must not contain/,
    ],
    [
      "a pattern with a reference back",
      route(rule({ matches: [{ path: { type: "RegularExpression", value: "(a)\\1" } }] })),
      /regular expression of RE2/,
    ],
    [
      "a filter without its field",
      route(rule({ filters: [{ type: "URLRewrite" }] })),
      /urlRewrite: Required/,
    ],
    [
      "a redirect with backends",
      route(
        rule({
          filters: [{ type: "RequestRedirect", requestRedirect: {} }],
          backendRefs: [{ name: "a", port: 80 }],
        }),
      ),
      /RequestRedirect/,
    ],
    [
      "a filter twice",
      route(rule({ filters: [1, 2].map(() => ({ type: "URLRewrite", urlRewrite: {} })) })),
      /cannot be repeated/,
    ],
    [
      "a prefix that no match has",
      route(
        rule({
          matches: [{ path: { type: "Exact", value: "/a" } }],
          filters: [
            {
              type: "URLRewrite",
              urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } },
            },
          ],
        }),
      ),
      /PathPrefix/,
    ],
    [
      "an attempt longer than the request",
      route(rule({ timeouts: { request: "1s", backendRequest: "2s" } })),
      /cannot be longer/,
    ],
    ["a timeout without a unit", route(rule({ timeouts: { request: "10" } })), /timeouts\.request/],
    ["a Service without its port", route(rule({ backendRefs: [{ name: "a" }] })), /must have port/],
    [
      "a negative weight",
      route(rule({ backendRefs: [{ name: "a", port: 80, weight: -1 }] })),
      /weight/,
    ],
    [
      "a parent twice",
      route({ parentRefs: [{ name: "web" }, { name: "web" }] }),
      /sectionName or port/,
    ],
    [
      "all origins beside one",
      route(rule({ filters: [{ type: "CORS", cors: { allowOrigins: ["*", "https://a.org"] } }] })),
      /allowOrigins/,
    ],
    [
      "a name that is no gRPC service",
      {
        ...route({}),
        kind: "GRPCRoute",
        spec: { rules: [{ matches: [{ method: { service: "a/b" } }] }] },
      },
      /gRPC service/,
    ],
  ])("refuses %s, naming the field", async (_what, object, problem) => {
    const said = await cluster.failing(
      "apply -f -",
      JSON.stringify({ ...object, metadata: { name: "bad" } }),
    );
    expect(said).toMatch(problem);
  });
});
