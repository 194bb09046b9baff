import { describe, expect, test } from "vitest";
import { Balancer } from "../../../src/engine/network/balancer.ts";
import { type Place, routesOf as routesAt } from "../../../src/engine/network/service-routes.ts";
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
