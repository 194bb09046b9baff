import { describe, expect, test } from "vitest";
import { Balancer } from "../../../src/engine/network/balancer.ts";
import { routesOf as routesAt } from "../../../src/engine/network/service-routes.ts";
import type { Place } from "../../../src/engine/network/topology-hints.ts";
import type { EndpointSlice } from "../../../src/kube/kinds/endpointslice.ts";
import type { Service } from "../../../src/kube/kinds/service.ts";
import { ManualClock } from "../../manual-clock.ts";

const HERE: Place = { nodeName: "here", zone: "a" };
const routesOf = (object: Service, slices: readonly EndpointSlice[]) =>
  routesAt(object, slices, HERE);
const service = (spec: Service["spec"]): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  ...(spec === undefined ? {} : { spec }),
});
type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean };
const slice = (port: number, conditions: Conditions): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `web-${port}`, namespace: "default" },
  addressType: "IPv4",
  ports: [{ name: "http", port }],
  endpoints: [{ addresses: ["127.0.0.1"], conditions }],
});
const READY: Conditions = { ready: true, serving: true, terminating: false };
const DRAINING: Conditions = { ready: false, serving: true, terminating: true };
const web = service({ clusterIP: "127.96.0.9", ports: [{ name: "http", port: 80 }] });
const ports = (backends: readonly { port: number }[]) => backends.map((backend) => backend.port);

describe("routes of a service", () => {
  test("new connections go to ready endpoints only", () => {
    const [route] = routesOf(web, [
      slice(1, READY),
      slice(2, DRAINING),
      slice(3, { ready: false }),
    ]);
    expect(ports(route?.internal.active ?? [])).toEqual([1]);
    expect(route?.internal.lastResort).toEqual([]);
  });
  test("without a ready endpoint, terminating ones that serve are used: last for HTTP", () => {
    const slices = [slice(2, DRAINING), slice(3, { ready: false, serving: false })];
    const [http] = routesOf(web, slices);
    expect(ports(http?.internal.active ?? [])).toEqual([]);
    expect(ports(http?.internal.lastResort ?? [])).toEqual([2]);
    const port = { name: "http", port: 80, appProtocol: "tcp" };
    const [tcp] = routesOf(service({ clusterIP: "127.96.0.9", ports: [port] }), slices);
    expect(ports(tcp?.internal.active ?? [])).toEqual([2]);
    expect(tcp?.internal.lastResort).toEqual([]);
  });
  test.each([
    ["http", undefined, true],
    ["http-admin", undefined, true],
    ["https", undefined, false],
    ["web", "HTTP", true],
    ["http", "tcp", false],
    ["grpc", "kubernetes.io/h2c", false],
  ])("port %s with appProtocol %s speaks HTTP/1.1: %s", (name, appProtocol, http) => {
    const port = { name, port: 80, ...(appProtocol === undefined ? {} : { appProtocol }) };
    expect(routesOf(service({ clusterIP: "127.96.0.9", ports: [port] }), [])[0]?.http).toBe(http);
  });
  test("headless and ExternalName services are not proxied", () => {
    expect(routesOf(service({ clusterIP: "None", ports: [{ port: 80 }] }), [])).toEqual([]);
    expect(routesOf(service({ type: "ExternalName", externalName: "x.y" }), [])).toEqual([]);
  });
});

describe("traffic policies", () => {
  const at = (port: number, nodeName: string, conditions: Conditions = READY, hints = {}) => ({
    ...slice(port, conditions),
    endpoints: [{ addresses: ["127.0.0.1"], conditions, nodeName, hints }],
  });
  const spec = { clusterIP: "127.96.0.9", ports: [{ name: "http", port: 80 }] };
  const routed = (policies: Service["spec"], slices: readonly EndpointSlice[]) => {
    const [route] = routesOf(service({ ...spec, ...policies }), slices);
    return {
      internal: ports(route?.internal.active ?? []),
      external: ports(route?.external.active ?? []),
      lastResort: ports(route?.external.lastResort ?? []),
    };
  };
  const zone = (...names: string[]) => ({ forZones: names.map((name) => ({ name })) });

  test("Local means endpoints of this node, for the traffic that it is said of", () => {
    const slices = [at(1, "here"), at(2, "there")];
    expect(routed({ externalTrafficPolicy: "Local" }, slices)).toMatchObject({
      internal: [1, 2],
      external: [1],
    });
    expect(routed({ internalTrafficPolicy: "Local" }, slices)).toMatchObject({
      internal: [1],
      external: [1, 2],
    });
    expect(routed({ externalTrafficPolicy: "Local" }, [at(2, "there")]).external).toEqual([]);
  });
  test("Local falls back to terminating endpoints of this node, never to other nodes", () => {
    const slices = [at(1, "here", DRAINING), at(2, "there"), at(3, "there", DRAINING)];
    expect(routed({ externalTrafficPolicy: "Local" }, slices)).toEqual({
      internal: [2],
      external: [],
      lastResort: [1],
    });
  });
  test("hints name this zone or this node: the node first", () => {
    const node = { forNodes: [{ name: "here" }], ...zone("a") };
    expect(routed({}, [at(1, "x", READY, zone("a")), at(2, "y", READY, zone("b"))])).toMatchObject({
      internal: [1],
      external: [1],
    });
    const onNode = [
      at(1, "here", READY, node),
      at(2, "y", READY, { ...zone("a"), forNodes: [{ name: "y" }] }),
    ];
    expect(routed({}, onNode).internal).toEqual([1]);
  });
  test("hints count only when every ready endpoint has one, and one is meant for this place", () => {
    const missing = [at(1, "x", READY, zone("a")), at(2, "y")];
    expect(routed({}, missing).internal).toEqual([1, 2]);
    const elsewhere = [at(1, "x", READY, zone("b")), at(2, "y", READY, zone("c"))];
    expect(routed({}, elsewhere).internal).toEqual([1, 2]);
    const unready = [at(1, "x", READY, zone("a")), at(2, "y", { ready: false })];
    expect(routed({}, unready).internal).toEqual([1]);
  });
  test("a Local policy does not look at hints", () => {
    const slices = [at(1, "here", READY, zone("b")), at(2, "there", READY, zone("a"))];
    expect(routed({ internalTrafficPolicy: "Local" }, slices)).toMatchObject({
      internal: [1],
      external: [2],
    });
  });
});

describe("protocols", () => {
  test("TCP and UDP ports of one name or number are told apart; SCTP is not proxied", () => {
    const both = service({
      clusterIP: "127.96.0.9",
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
        { name: "sctp", port: 53, protocol: "SCTP" },
      ],
    });
    const slices: EndpointSlice[] = [
      {
        ...slice(0, READY),
        ports: [
          { name: "dns", port: 1, protocol: "UDP" },
          { name: "dns-tcp", port: 2, protocol: "TCP" },
          { name: "sctp", port: 3, protocol: "SCTP" },
        ],
      },
    ];
    expect(
      routesOf(both, slices).map(({ protocol, internal }) => [protocol, ...ports(internal.active)]),
    ).toEqual([
      ["UDP", 1],
      ["TCP", 2],
    ]);
    const misnamed = [{ ...slice(1, READY), ports: [{ name: "dns", port: 1, protocol: "TCP" }] }];
    expect(routesOf(both, misnamed)[0]?.internal.active).toEqual([]);
  });
});

describe("the balancer", () => {
  const backends = [1, 2, 3].map((port) => ({ address: "127.0.0.1", port }));

  test("prefers the backend with the fewest open connections, in turn among equals", () => {
    const balancer = new Balancer(new ManualClock());
    balancer.update(backends, undefined);
    const picked = new Set([0, 1, 2].map(() => balancer.pick("c", new Set())?.port));
    expect(picked).toEqual(new Set([1, 2, 3]));
    for (const backend of backends.slice(0, 2)) balancer.opened(backend);
    for (let round = 0; round < 3; round++) expect(balancer.pick("c", new Set())?.port).toBe(3);
    balancer.closed({ address: "127.0.0.1", port: 1 });
    balancer.opened({ address: "127.0.0.1", port: 3 });
    expect(balancer.pick("c", new Set())?.port).toBe(1);
  });
  test("keeps a client on its backend with ClientIP affinity until the time is over", async () => {
    const clock = new ManualClock();
    const balancer = new Balancer(clock);
    balancer.update(backends, { timeoutMs: 1_000 });
    const first = balancer.pick("10.0.0.1", new Set())?.port;
    for (let round = 0; round < 5; round++) {
      await clock.advance(900);
      expect(balancer.pick("10.0.0.1", new Set())?.port).toBe(first);
    }
    await clock.advance(1_001);
    expect(balancer.pick("10.0.0.1", new Set())?.port).not.toBe(first);
  });
  test("a client's backend that is gone is replaced", () => {
    const balancer = new Balancer(new ManualClock());
    balancer.update(backends, { timeoutMs: 1_000 });
    const first = balancer.pick("c", new Set())?.port;
    balancer.update(
      backends.filter((backend) => backend.port !== first),
      { timeoutMs: 1_000 },
    );
    expect(balancer.pick("c", new Set())?.port).not.toBe(first);
  });
});
