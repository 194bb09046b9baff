import { describe, expect, test } from "vitest";
import { services } from "../../../src/kube/kinds/service.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const http = { name: "http", port: 80 };
const check = (spec: Draft) => problems(services, { spec: { ports: [http], ...spec } });
const specOf = (spec: Draft) => completed(services, { spec: { ports: [http], ...spec } }).spec;

describe("defaults", () => {
  test("a ClusterIP for TCP that targets the same port", () => {
    expect(specOf({})).toMatchObject({
      type: "ClusterIP",
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ports: [{ ...http, protocol: "TCP", targetPort: 80 }],
    });
    expect(specOf({})?.externalTrafficPolicy).toBeUndefined();
  });
  test("a target that was given stays", () => {
    expect(specOf({ ports: [{ ...http, targetPort: "web" }] })?.ports?.[0]?.targetPort).toBe("web");
  });
  test("what traffic from outside does, where it comes from outside", () => {
    expect(specOf({ type: "NodePort" })?.externalTrafficPolicy).toBe("Cluster");
    expect(specOf({ externalIPs: ["10.0.0.1"] })?.externalTrafficPolicy).toBe("Cluster");
    expect(specOf({ type: "LoadBalancer" })).toMatchObject({
      externalTrafficPolicy: "Cluster",
      allocateLoadBalancerNodePorts: true,
    });
  });
  test("headless without a selector is of all families, as its endpoints may be", () => {
    const foreign = specOf({ clusterIP: "None" });
    expect(foreign).toMatchObject({
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
    });
    expect(specOf({ clusterIP: "None", selector: { app: "a" } })).toMatchObject({
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
    });
  });
  test("an ExternalName has no addresses and no policies", () => {
    const spec = specOf({ type: "ExternalName", externalName: "example.com", ports: undefined });
    expect(spec).toEqual({
      type: "ExternalName",
      externalName: "example.com",
      sessionAffinity: "None",
    });
  });
  test("affinity lasts three hours", () => {
    expect(specOf({ sessionAffinity: "ClientIP" })?.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10_800 },
    });
  });
  test("clusterIPs follow clusterIP", () => {
    expect(specOf({ clusterIP: "None" })?.clusterIPs).toEqual(["None"]);
  });
});

describe("validation", () => {
  const good: [what: string, spec: Draft][] = [
    ["one unnamed port", { ports: [{ port: 80 }] }],
    [
      "TCP and UDP on one port",
      {
        ports: [
          { name: "a", port: 53 },
          { name: "b", port: 53, protocol: "UDP" },
        ],
      },
    ],
    ["headless without ports", { clusterIP: "None", ports: undefined }],
    ["a node port", { type: "NodePort", ports: [{ ...http, nodePort: 30_080 }] }],
    [
      "a load balancer for some",
      { type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8"] },
    ],
    [
      "an external name with a final dot",
      { type: "ExternalName", externalName: "example.com.", ports: undefined },
    ],
  ];
  test.each(good)("takes %s", (_what, spec) => {
    expect(check(spec)).toEqual([]);
  });

  const P = "spec.ports[0]";
  const bad: [what: string, spec: Draft, expected: string][] = [
    ["no ports", { ports: [] }, "spec.ports: Required value"],
    [
      "several ports, one unnamed",
      { ports: [http, { port: 81 }] },
      "spec.ports[1].name: Required value",
    ],
    [
      "two ports of one name",
      { ports: [http, { ...http, port: 81 }] },
      'spec.ports[1].name: Duplicate value: "http"',
    ],
    [
      "one port twice",
      { ports: [http, { name: "b", port: 80 }] },
      "spec.ports[1]: Duplicate value",
    ],
    ["port 0", { ports: [{ port: 0, targetPort: 80 }] }, `${P}.port: Invalid value: 0`],
    [
      "a target that is no port name",
      { ports: [{ port: 80, targetPort: "Web" }] },
      `${P}.targetPort`,
    ],
    [
      "an unknown protocol",
      { ports: [{ port: 80, protocol: "HTTP" }] },
      `${P}.protocol: Unsupported value`,
    ],
    [
      "a node port inside the cluster",
      { ports: [{ ...http, nodePort: 30_000 }] },
      `${P}.nodePort: Forbidden: may not be used when \`type\` is 'ClusterIP'`,
    ],
    ["an unknown type", { type: "Internal" }, 'spec.type: Unsupported value: "Internal"'],
    ["an address that is none", { clusterIP: "here" }, "spec.clusterIPs[0]: Invalid value"],
    [
      "addresses that disagree",
      { clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.2"] },
      "spec.clusterIPs: Invalid value",
    ],
    [
      "a headless node port",
      { type: "NodePort", clusterIP: "None" },
      "spec.clusterIPs[0]: Invalid value",
    ],
    [
      "an external name without a name",
      { type: "ExternalName" },
      "spec.externalName: Required value",
    ],
    [
      "an external name with an address",
      { type: "ExternalName", externalName: "a.b", clusterIP: "10.0.0.1" },
      "spec.clusterIP: Forbidden",
    ],
    ["an external address that goes nowhere", { externalIPs: ["0.0.0.0"] }, "spec.externalIPs[0]"],
    ["a selector that is no label", { selector: { app: "a b" } }, "spec.selector[app]"],
    [
      "affinity for two days",
      {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 172_800 } },
      },
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
    ],
    [
      "an affinity time without affinity",
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } },
      "spec.sessionAffinityConfig: Forbidden",
    ],
    [
      "a policy for traffic that cannot come",
      { externalTrafficPolicy: "Local" },
      "spec.externalTrafficPolicy: Invalid value",
    ],
    [
      "an external name with families",
      { type: "ExternalName", externalName: "a.b", ipFamilies: ["IPv4"] },
      "spec.ipFamilies: Forbidden",
    ],
    ["addresses without the first", { clusterIPs: ["10.0.0.1"] }, "spec.clusterIPs: Invalid value"],
    [
      "None beside an address",
      { clusterIP: "None", clusterIPs: ["None", "10.0.0.1"] },
      "'None' must be the first and only value",
    ],
    [
      "two addresses of one family",
      { clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "10.0.0.2"] },
      "may specify no more than one IP for each IP family",
    ],
    [
      "three addresses",
      { clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "fd00::1", "10.0.0.2"] },
      "may only hold up to 2 values",
    ],
    [
      "an address of another family than it says",
      { clusterIP: "10.0.0.1", ipFamilies: ["IPv6"] },
      "expected an IPv6 value as indicated by `ipFamilies[0]`",
    ],
    ["one family twice", { ipFamilies: ["IPv4", "IPv4"] }, "spec.ipFamilies[1]: Duplicate value"],
    ["an unknown family", { ipFamilies: ["IPX"] }, "spec.ipFamilies[0]: Unsupported value"],
    [
      "a traffic distribution of its own making",
      { trafficDistribution: "PreferFar" },
      "spec.trafficDistribution: Unsupported value",
    ],
    [
      "a port for health checks that nobody makes",
      { type: "LoadBalancer", healthCheckNodePort: 30_000 },
      "spec.healthCheckNodePort: Invalid value",
    ],
    [
      "the node agent's port on a load balancer",
      { type: "LoadBalancer", ports: [{ port: 10_250 }] },
      "may not expose port 10250 externally",
    ],
    [
      "source ranges without a balancer",
      { loadBalancerSourceRanges: ["10.0.0.0/8"] },
      "spec.loadBalancerSourceRanges: Forbidden",
    ],
    [
      "a source range that is none",
      { type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.1"] },
      "spec.loadBalancerSourceRanges[0]",
    ],
  ];
  test.each(bad)("refuses %s", (_what, spec, expected) => {
    const found = check(spec);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  const ingress = (entry: Draft, type = "LoadBalancer") => {
    const object = draft(services, {
      spec: { type },
      status: { loadBalancer: { ingress: [entry] } },
    });
    return shown(services.strategy.validateStatusUpdate?.(object, object) ?? []);
  };
  test("says of a load balancer's addresses how they are reached", () => {
    expect(ingress({ ip: "10.0.0.1", ipMode: "VIP" })).toEqual([]);
    expect(ingress({ hostname: "lb.example.com" })).toEqual([]);
    const field = "status.loadBalancer.ingress[0]";
    expect(ingress({ ip: "10.0.0.1" })).toEqual([
      `${field}.ipMode: Required value: must be specified when \`ip\` is set`,
    ]);
    expect(ingress({ hostname: "a.b", ipMode: "VIP" })[0]).toContain(`${field}.ipMode: Forbidden`);
    expect(ingress({ ip: "here", ipMode: "VIP" })[0]).toContain(`${field}.ip: Invalid value`);
    expect(ingress({ ip: "10.0.0.1", ipMode: "Tunnel" })[0]).toContain("Unsupported value");
    expect(ingress({ hostname: "10.0.0.1" })[0]).toContain("must be a DNS name, not an IP address");
    expect(ingress({ ip: "10.0.0.1", ipMode: "VIP" }, "NodePort")[0]).toContain("Forbidden");
  });
  test("an address that says nothing of its way is a virtual one", () => {
    const status = { loadBalancer: { ingress: [{ ip: "10.0.0.1" }, { hostname: "a.b" }] } };
    const spec = { type: "LoadBalancer", ports: [http] };
    expect(completed(services, { spec, status }).status).toEqual({
      loadBalancer: { ingress: [{ ip: "10.0.0.1", ipMode: "VIP" }, { hostname: "a.b" }] },
    });
  });

  test("warns of what is ignored", () => {
    const warningsOf = (spec: Draft) => services.strategy.warnings?.(draft(services, { spec }));
    expect(warningsOf({ clusterIP: "None", sessionAffinity: "ClientIP" })).toEqual([
      'spec.sessionAffinity is ignored when spec.clusterIP is "None"',
    ]);
    expect(warningsOf({ type: "LoadBalancer", loadBalancerIP: "here" })).toHaveLength(1);
  });
  test("warns of names that older clusters refuse", () => {
    const named = (name: string) =>
      services.strategy.warnings?.(draft(services, { metadata: { name } }));
    expect(named("1web")).toHaveLength(1);
    expect(named("web")).toEqual([]);
  });
});

describe("an update", () => {
  const allocated = {
    type: "NodePort",
    clusterIP: "127.96.0.7",
    clusterIPs: ["127.96.0.7"],
    externalTrafficPolicy: "Cluster",
    ports: [{ ...http, protocol: "TCP", nodePort: 30_080 }],
  };
  const update = (spec: Draft, before: Draft = allocated) => {
    const [next, previous] = [draft(services, { spec }), draft(services, { spec: before })];
    const carried = services.strategy.prepareForUpdate?.(next, previous) ?? next;
    const errors = services.strategy.validateUpdate?.(carried, previous) ?? [];
    return { spec: carried.spec, errors: shown(errors) };
  };

  test("keeps allocated addresses and node ports that it does not name", () => {
    expect(update({ type: "NodePort", ports: [http] }).spec).toEqual({
      type: "NodePort",
      clusterIP: "127.96.0.7",
      clusterIPs: ["127.96.0.7"],
      ports: [{ ...http, nodePort: 30_080 }],
    });
  });
  test("does not give a kept node port to two ports", () => {
    const other = { name: "b", port: 81, nodePort: 30_080 };
    expect(update({ type: "NodePort", ports: [http, other] }).spec?.ports).toEqual([http, other]);
  });
  test("lets go of node ports with the type that needs them", () => {
    const { spec } = update({ ...allocated, type: "ClusterIP" });
    expect(spec).toEqual({
      type: "ClusterIP",
      clusterIP: "127.96.0.7",
      clusterIPs: ["127.96.0.7"],
      ports: [{ ...http, protocol: "TCP" }],
    });
  });
  test("lets go of the address when it becomes an external name", () => {
    const { spec, errors } = update({
      ...allocated,
      type: "ExternalName",
      externalName: "a.b",
      ports: [],
    });
    expect(spec).toEqual({ type: "ExternalName", externalName: "a.b", ports: [] });
    expect(errors).toEqual([]);
  });
  test("cannot move to another address", () => {
    const { errors } = update({ ...allocated, clusterIP: "127.96.0.8" });
    expect(errors).toEqual([
      'spec.clusterIPs[0]: Invalid value: "127.96.0.8": may not change once set',
    ]);
  });
  test("keeps its families, and its port for health checks", () => {
    const families = update(
      { ...allocated, ipFamilies: ["IPv6"] },
      { ...allocated, ipFamilies: ["IPv4"] },
    );
    expect(families.errors[0]).toContain("spec.ipFamilies[0]: Invalid value");
    const local = { ...allocated, type: "LoadBalancer", externalTrafficPolicy: "Local" };
    const checked = { ...local, healthCheckNodePort: 30_090 };
    expect(update(local, checked).spec?.healthCheckNodePort).toBe(30_090);
    expect(update({ ...local, healthCheckNodePort: 30_091 }, checked).errors).toEqual([
      "spec.healthCheckNodePort: Invalid value: 30091: field is immutable",
    ]);
    expect(
      update({ ...checked, externalTrafficPolicy: "Cluster" }, checked).spec,
    ).not.toHaveProperty("healthCheckNodePort");
  });
  test("cannot change the class of its load balancer, but lose it with the type", () => {
    const balanced = { ...allocated, type: "LoadBalancer", loadBalancerClass: "a.b/c" };
    expect(update({ ...balanced, loadBalancerClass: "a.b/d" }, balanced).errors[0]).toContain(
      "spec.loadBalancerClass: Invalid value",
    );
    expect(update({ ...balanced, type: "NodePort" }, balanced).spec).not.toHaveProperty(
      "loadBalancerClass",
    );
  });
  test("can get an address when it had none", () => {
    expect(update({ ...allocated }, { type: "ExternalName", externalName: "a.b" }).errors).toEqual(
      [],
    );
  });
});

describe("kubectl get services -o wide", () => {
  const line = (spec: Draft, status: Draft = {}) => {
    const object = draft(services, { spec, status });
    const found = cells(services, object);
    return [
      found.Type,
      found["Cluster-IP"],
      found["External-IP"],
      found["Port(s)"],
      found.Selector,
    ];
  };
  const ports = [
    { port: 80, protocol: "TCP" },
    { port: 53, nodePort: 30_053, protocol: "UDP" },
  ];
  test.each([
    [
      line({ clusterIP: "127.96.0.7", ports, selector: { b: "2", a: "1" } }),
      ["ClusterIP", "127.96.0.7", "<none>", "80/TCP,53:30053/UDP", "a=1,b=2"],
    ],
    [line({ clusterIP: "None" }), ["ClusterIP", "None", "<none>", "<none>", "<none>"]],
    [
      line({ type: "NodePort", externalIPs: ["1.2.3.4"] }),
      ["NodePort", "<none>", "1.2.3.4", "<none>", "<none>"],
    ],
    [line({ type: "LoadBalancer" }), ["LoadBalancer", "<none>", "<pending>", "<none>", "<none>"]],
    [
      line(
        { type: "LoadBalancer", externalIPs: ["9.9.9.9"] },
        { loadBalancer: { ingress: [{ hostname: "lb" }, { ip: "1.1.1.1" }] } },
      ),
      ["LoadBalancer", "<none>", "1.1.1.1,lb,9.9.9.9", "<none>", "<none>"],
    ],
    [
      line({ type: "ExternalName", externalName: "a.b" }),
      ["ExternalName", "<none>", "a.b", "<none>", "<none>"],
    ],
  ])("%j", (found, expected) => {
    expect(found).toEqual(expected);
  });
});
