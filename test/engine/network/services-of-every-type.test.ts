import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { HealthCheckPort } from "../../../src/engine/network/health-check-port.ts";
import { hostAddresses } from "../../../src/engine/network/host-addresses.ts";
import { ADDRESSES_ANNOTATION } from "../../../src/engine/network/service-addresses.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import type { Json } from "../../../src/kube/object.ts";
import { ManualClock } from "../../manual-clock.ts";
import {
  ask,
  askUdp,
  freePort,
  HERE,
  type ProxyFixture,
  ready,
  startProxy,
} from "./service-proxy-fixture.ts";

let fixture: ProxyFixture | undefined;
const start = async (options: Parameters<typeof startProxy>[0] = {}): Promise<ProxyFixture> =>
  (fixture = await startProxy(options));
afterEach(async () => {
  await fixture?.stop();
  fixture = undefined;
});

const HTTP = { name: "web", port: 7080, protocol: "TCP" };
const slicePort = (port: number, name = "web", protocol = "TCP") => ({ name, port, protocol });

test("one port number over TCP and UDP, on the cluster address and the node", async () => {
  const { create, route, startHttp, startUdp } = await start();
  const { spec } = await create("dns", {
    type: "NodePort",
    ports: [
      { name: "tcp", port: 7053, protocol: "TCP" },
      { name: "udp", port: 7053, protocol: "UDP" },
    ],
  });
  const [tcp, udp] = [await startHttp("tcp"), await startUdp("udp")];
  await route("dns", [slicePort(tcp, "tcp"), slicePort(udp, "udp", "UDP")], [ready()]);
  const nodePort = spec?.ports?.[0]?.nodePort ?? 0;
  for (const [host, port] of [
    [spec?.clusterIP ?? "", 7053],
    ["127.0.0.1", nodePort],
  ] as const) {
    expect(await ask(host, port)).toBe("tcp");
    expect(await askUdp(host, port)).toBe("udp");
  }
});

test("a Local policy keeps traffic on the node, for those it is meant for", async () => {
  const { create, route, startHttp } = await start();
  const { spec } = await create("web", {
    type: "NodePort",
    externalTrafficPolicy: "Local",
    ports: [HTTP],
  });
  const [cluster, node] = [spec?.clusterIP ?? "", spec?.ports?.[0]?.nodePort ?? 0];
  const port = slicePort(await startHttp("web"));
  await route("web", [port], [ready("elsewhere")]);
  expect(await ask(cluster, 7080)).toBe("web");
  expect(await ask("127.0.0.1", node)).toBe("failed");
  await route("web", [port], [ready(HERE)]);
  expect(await ask("127.0.0.1", node)).toBe("web");

  const inner = await create("inner", { internalTrafficPolicy: "Local", ports: [HTTP] });
  await route("inner", [port], [ready("elsewhere")]);
  expect(await ask(inner.spec?.clusterIP ?? "", 7080)).toBe("failed");
  await route("inner", [port], [ready(HERE)]);
  expect(await ask(inner.spec?.clusterIP ?? "", 7080)).toBe("web");
});

test("hints keep traffic in the zone of the node, once the node is in one", async () => {
  const { client, create, route, startHttp } = await start();
  const { spec } = await create("web", { ports: [HTTP] });
  const [near, far] = [await startHttp("near"), await startHttp("far")];
  const hinted = (zone: string) => ({ hints: { forZones: [{ name: zone }] } });
  await route("web", [slicePort(near)], [ready(HERE, hinted("a"))]);
  await client.create(endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "web-far",
      namespace: "default",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    ports: [slicePort(far)],
    endpoints: [ready("elsewhere", hinted("b"))],
  });
  const seen = async (): Promise<string> => {
    const answers = new Set<string>();
    for (let round = 0; round < 4; round++) answers.add(await ask(spec?.clusterIP ?? "", 7080));
    return [...answers].sort().join();
  };
  await expect.poll(seen).toBe("far,near");
  const zone = { "topology.kubernetes.io/zone": "b" };
  await client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: HERE, labels: zone },
  });
  await expect.poll(seen).toBe("far");
});

test("load balancers get addresses of the pool, wait when it is used up, and take over what is given back", async () => {
  const { client, create, route, ingress, startHttp, told } = await start({
    loadBalancerAddresses: "127.97.5.1-127.97.5.2",
  });
  const vip = (ip: string) => [{ ip, ipMode: "VIP" }];
  for (const name of ["a", "b", "c"]) await create(name, { type: "LoadBalancer", ports: [HTTP] });
  await expect.poll(() => ingress("a")).toEqual(vip("127.97.5.1"));
  await expect.poll(() => ingress("b")).toEqual(vip("127.97.5.2"));
  expect(told).toEqual([expect.stringMatching(/^AddressesExhausted c: all 2 addresses/)]);
  expect(await ingress("c")).toEqual([]);
  const port = slicePort(await startHttp("b"));
  await route("b", [port], [ready()]);
  expect(await ask("127.97.5.2", 7080)).toBe("b");

  await client.patch(
    services,
    { namespace: "default", name: "b" },
    { type: "merge", body: { spec: { type: "ClusterIP" } } },
  );
  await expect.poll(() => ingress("c")).toEqual(vip("127.97.5.2"));
  expect(await ingress("b")).toEqual([]);
  await route("c", [port], [ready()]);
  expect(await ask("127.97.5.2", 7080)).toBe("b");
  expect(told).toHaveLength(1);
});

test("an address that is not to be had leaves the load balancer pending, and says why", async () => {
  const { create, ingress, told } = await start();
  const port = await freePort();
  const ports = [{ name: "web", port }];
  await create("a", { type: "LoadBalancer", ports });
  await expect.poll(() => ingress("a")).toEqual([{ ip: "127.0.0.1", ipMode: "VIP" }]);
  await create("b", { type: "LoadBalancer", ports });
  await create("c", { type: "LoadBalancer", ports, loadBalancerIP: "10.9.9.9" });
  await create("d", { type: "LoadBalancer", ports, loadBalancerClass: "example.com/metal" });
  await expect
    .poll(() => told)
    .toEqual([
      expect.stringMatching(/^AddressTaken b: port \d+\/TCP of 127.0.0.1 .*Service default\/a/),
      expect.stringMatching(/^AddressNotInPool c: spec.loadBalancerIP 10.9.9.9/),
    ]);
  for (const name of ["b", "c", "d"]) expect(await ingress(name)).toEqual([]);
});

test("source ranges hold for the load balancer, not for the node port", async () => {
  const { client, create, route, startHttp } = await start({
    loadBalancerAddresses: "127.97.5.9",
  });
  const { spec } = await create("web", {
    type: "LoadBalancer",
    loadBalancerSourceRanges: ["10.0.0.0/8"],
    ports: [HTTP],
  });
  await route("web", [slicePort(await startHttp("web"))], [ready()]);
  expect(await ask("127.97.5.9", 7080)).toBe("failed");
  expect(await ask("127.0.0.1", spec?.ports?.[0]?.nodePort ?? 0)).toBe("web");
  await client.patch(
    services,
    { namespace: "default", name: "web" },
    { type: "merge", body: { spec: { loadBalancerSourceRanges: ["127.0.0.0/8"] } } },
  );
  await expect.poll(() => ask("127.97.5.9", 7080)).toBe("web");
});

test("the port for health checks says whether this node has an endpoint", async () => {
  const { create, route, startHttp } = await start();
  const { spec } = await create("web", {
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    ports: [{ name: "web", port: await freePort() }],
  });
  const port = slicePort(await startHttp("web"));
  const check = async (): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${spec?.healthCheckNodePort}/`);
    const weight = response.headers.get("x-load-balancing-endpoint-weight");
    return { status: response.status, weight, body: await response.json() };
  };
  const body = (localEndpoints: number) => ({
    service: { namespace: "default", name: "web" },
    localEndpoints,
    serviceProxyHealthy: true,
  });
  await route("web", [port], [ready("elsewhere")]);
  expect(await check()).toEqual({ status: 503, weight: "0", body: body(0) });
  await route("web", [port], [ready(HERE)]);
  expect(await check()).toEqual({ status: 200, weight: "1", body: body(1) });
  await route("web", [port], [ready(HERE, { conditions: { ready: false } })]);
  expect(await check()).toMatchObject({ status: 503 });
});

test("external addresses that this machine has are served", async () => {
  const { create, route, startHttp } = await start();
  await create("web", { externalIPs: ["127.0.0.77"], ports: [HTTP] });
  await route("web", [slicePort(await startHttp("web"))], [ready()]);
  expect(await ask("127.0.0.77", 7080)).toBe("web");
});

test("a Service follows its type: what it no longer has is no longer reached", async () => {
  const { client, create, route, startHttp } = await start();
  const { spec } = await create("web", { type: "NodePort", ports: [HTTP] });
  const [cluster, node] = [spec?.clusterIP ?? "", spec?.ports?.[0]?.nodePort ?? 0];
  await route("web", [slicePort(await startHttp("web"))], [ready()]);
  const retype = (body: Json) =>
    client.patch(
      services,
      { namespace: "default", name: "web" },
      { type: "merge", body: { spec: body } },
    );
  expect(await ask("127.0.0.1", node)).toBe("web");
  await retype({ type: "ClusterIP" });
  await expect.poll(() => ask("127.0.0.1", node)).toBe("failed");
  expect(await ask(cluster, 7080)).toBe("web");
  await retype({ type: "ExternalName", externalName: "example.com" });
  await expect.poll(() => ask(cluster, 7080)).toBe("failed");
  const back = await retype({ type: "ClusterIP", externalName: null });
  await expect.poll(() => ask(back.spec?.clusterIP ?? "", 7080)).toBe("web");
});

test("a protocol that is not served is told once, the other ports work", async () => {
  const { create, route, startHttp, told } = await start();
  const { spec } = await create("web", {
    ports: [HTTP, { name: "signal", port: 7081, protocol: "SCTP" }],
  });
  const port = slicePort(await startHttp("web"));
  await route("web", [port], [ready()]);
  await route("web", [port], [ready("elsewhere")]);
  expect(await ask(spec?.clusterIP ?? "", 7080)).toBe("web");
  expect(told).toEqual([expect.stringMatching(/^ProtocolNotSupported web: port 7081\/SCTP/)]);
});

test("on all addresses of the machine, beside the addresses that Services have of their own", async () => {
  const { create, route, ingress, startHttp } = await start({ nodeAddress: "0.0.0.0" });
  const port = await freePort();
  const ports = [{ name: "web", port }];
  const inner = await create("inner", { ports });
  await route("inner", [slicePort(await startHttp("inner"))], [ready()]);
  const outer = await create("outer", { type: "LoadBalancer", ports });
  await route("outer", [slicePort(await startHttp("outer"))], [ready()]);
  expect(await ask(inner.spec?.clusterIP ?? "", port)).toBe("inner");
  expect(await ask(outer.spec?.clusterIP ?? "", port)).toBe("outer");
  const { listen, publish } = hostAddresses("0.0.0.0");
  await expect.poll(() => ingress("outer")).toEqual(publish.map((ip) => ({ ip, ipMode: "VIP" })));
  for (const address of listen) {
    expect(await ask(address, port)).toBe("outer");
    expect(await ask(address, outer.spec?.ports?.[0]?.nodePort ?? 0)).toBe("outer");
  }
});

test("ports of a Service may change places", async () => {
  const { client, create, route, startHttp } = await start();
  const ports = (a: number, b: number) => [
    { name: "a", port: a, protocol: "TCP" },
    { name: "b", port: b, protocol: "TCP" },
  ];
  const { spec } = await create("web", { ports: ports(7080, 7081) });
  const address = spec?.clusterIP ?? "";
  const [a, b] = [await startHttp("a"), await startHttp("b")];
  await route("web", [slicePort(a, "a"), slicePort(b, "b")], [ready()]);
  expect([await ask(address, 7080), await ask(address, 7081)]).toEqual(["a", "b"]);
  await client.patch(
    services,
    { namespace: "default", name: "web" },
    { type: "merge", body: { spec: { ports: ports(7081, 7080) } } },
  );
  await expect.poll(() => ask(address, 7080)).toBe("b");
  expect(await ask(address, 7081)).toBe("a");
});

test("what stood for a cluster address is written off once the address itself can be had", async () => {
  const { client, create, route, startHttp } = await start();
  const key = { namespace: "default", name: "web" };
  const { spec } = await create("web", { ports: [HTTP] });
  const stale = JSON.stringify({ "7080/TCP": "127.0.0.1:1", "9/UDP": "127.0.0.1:2" });
  await client.patch(services, key, {
    type: "merge",
    body: { metadata: { annotations: { [ADDRESSES_ANNOTATION]: stale } } },
  });
  await route("web", [slicePort(await startHttp("web"))], [ready()]);
  expect(await ask(spec?.clusterIP ?? "", 7080)).toBe("web");
  const stated = async () =>
    (await client.get(services, key)).metadata.annotations?.[ADDRESSES_ANNOTATION];
  await expect.poll(stated).toBe(JSON.stringify({ "9/UDP": "127.0.0.1:2" }));
});

test("a port for health checks that is taken is tried again, and does not hold up the Service", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const health = new HealthCheckPort({
    clock,
    service: { namespace: "default", name: "web" },
    hosts: ["127.0.0.1"],
    port,
    onProblem: ({ message }) => void told.push(message),
  });
  await health.listen();
  expect(told).toEqual([expect.stringContaining("another program listens there")]);
  await new Promise((resolve) => taken.close(resolve));
  health.update(2);
  await clock.advance(10_000);
  await expect.poll(() => ask("127.0.0.1", port)).toContain('"localEndpoints":2');
  health.close();
  expect(await ask("127.0.0.1", port)).toBe("failed");
});
