import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/client/clock.ts";
import { openDnsListeners } from "../../../../src/engine/network/dns/dns-listeners.ts";
import type { DnsServerOptions } from "../../../../src/engine/network/dns/dns-server.ts";
import { endpointSlices } from "../../../../src/kube/kinds/endpointslice.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import { ManualClock } from "../../../manual-clock.ts";
import { DnsHarness, LOOPBACK } from "./dns-harness.ts";

const started: DnsHarness[] = [];
afterEach(async () => {
  for (const dns of started.splice(0)) await dns.stop();
});
async function start(options: Partial<DnsServerOptions> = {}): Promise<DnsHarness> {
  const dns = await DnsHarness.start(options);
  started.push(dns);
  return dns;
}
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

test("an answer changes with its Service and endpoints, once the board is told", async () => {
  const dns = await start();
  const name = "db.default.svc.cluster.local";
  expect((await dns.ask(name, "A")).rcode).toBe(3);
  await dns.service("db", { clusterIP: "None", ports: [{ name: "pg", port: 5432 }] });
  const slice = await dns.slice("db", [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }]);
  expect((await dns.ask(name, "A")).data).toHaveLength(2);
  const draining = await dns.client.update(endpointSlices, {
    ...slice,
    endpoints: [
      { addresses: ["10.0.0.1"], conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ["10.0.0.2"], conditions: { ready: true } },
    ],
  });
  // What the node agent waits for before it stops a pod.
  const revision = Number(draining.metadata.resourceVersion);
  expect(await dns.board.waitApplied(revision, { clock: systemClock, timeoutMs: 5_000 })).toBe(
    true,
  );
  expect((await dns.ask(name, "A")).data).toEqual(["A 10.0.0.2"]);
  const gone = await dns.client.delete(services, { namespace: "default", name: "db" });
  await dns.seen(services, gone);
  expect((await dns.ask(name, "A")).rcode).toBe(3);
});

test("once stopped, nobody waits for it any more", async () => {
  const dns = await start();
  await dns.stop();
  started.splice(0);
  expect(await dns.board.waitApplied(1_000_000, { clock: systemClock, timeoutMs: 0 })).toBe(true);
});

test("the Service kube-dns has the tenth address, and says where the server listens", async () => {
  const dns = await start();
  const key = { namespace: "kube-system", name: "kube-dns" };
  const service = await dns.client.get(services, key);
  expect(service.spec).toMatchObject({
    clusterIP: "127.96.0.10",
    ports: [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53, protocol: "TCP" },
    ],
  });
  const address = dns.server.addresses.at(0);
  // Stopping waits for what is being written.
  await dns.stop();
  started.splice(0);
  const { items } = await dns.client.list(endpointSlices, { namespace: "kube-system" });
  expect(items).toMatchObject([
    {
      metadata: { name: "kube-dns-ipv4" },
      endpoints: [{ addresses: [address?.host] }],
      ports: [{ port: address?.port }, { port: address?.port }],
    },
  ]);
  expect(items[0]?.ports?.map(({ protocol }) => protocol)).toEqual(["UDP", "TCP"]);
});

test("a Service that is there already keeps its address, whoever made it", async () => {
  const dns = await start();
  const key = { namespace: "kube-system", name: "kube-dns" };
  await dns.client.delete(services, key);
  await dns.client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...key, labels: { own: "yes" } },
    spec: { clusterIP: "127.96.0.77", ports: [{ name: "dns", port: 53, protocol: "UDP" }] },
  });
  const { ensureKubeDnsService } = await import(
    "../../../../src/engine/network/dns/kube-dns-service.ts"
  );
  expect(await ensureKubeDnsService(dns.client, "127.96.0.10")).toBe("127.96.0.77");
  expect((await dns.client.get(services, key)).metadata.labels).toMatchObject({ own: "yes" });
});

test("when the tenth address is taken, it gets another", async () => {
  const dns = await start();
  const { ensureKubeDnsService } = await import(
    "../../../../src/engine/network/dns/kube-dns-service.ts"
  );
  await dns.client.delete(services, { namespace: "kube-system", name: "kube-dns" });
  await dns.service("squatter", { clusterIP: "127.96.0.10", ports: [{ port: 80 }] });
  expect(await ensureKubeDnsService(dns.client, "127.96.0.10")).toMatch(/^127\.96\./);
});

test("a substitute of an address that cannot be bound is in SRV", async () => {
  const dns = await start();
  const annotations = { "gantry.dev/addresses": '{"80/TCP":"127.0.0.1:34567"}' };
  const ports = [
    { name: "http", port: 80 },
    { name: "other", port: 81 },
  ];
  await dns.service("web", { clusterIP: "127.96.7.7", ports }, annotations);
  const domain = "web.default.svc.cluster.local";
  const http = await dns.ask(`_http._tcp.${domain}`, "SRV");
  expect(http.data).toEqual([`SRV 34567 127-0-0-1.${domain}`]);
  expect(http.additionals).toMatchObject([{ name: `127-0-0-1.${domain}`, data: "127.0.0.1" }]);
  expect((await dns.ask(`_other._tcp.${domain}`, "SRV")).data).toEqual([`SRV 81 ${domain}`]);
  expect((await dns.ask(domain, "A")).data).toEqual(["A 127.96.7.7"]);
});

test.each([
  `{"80/TCP":"${"x".repeat(100)}:80"}`,
  '{"80/TCP":"127.0.0.1:99999"}',
  '{"80/TCP":"127.0.0.1"}',
  "[",
])("an annotation that says nonsense, %s, counts as absent", async (text) => {
  const dns = await start();
  const spec = { clusterIP: "127.96.7.7", ports: [{ name: "http", port: 80 }] };
  await dns.service("web", spec, { "gantry.dev/addresses": text });
  const domain = "web.default.svc.cluster.local";
  expect((await dns.ask(`_http._tcp.${domain}`, "SRV")).data).toEqual([`SRV 80 ${domain}`]);
});

test("a slice of a Service that no name can have is passed over", async () => {
  const dns = await start();
  await dns.slice("a..b", [{ ip: "10.9.9.9", hostname: "h" }], [], "odd");
  expect((await dns.ask("9.9.9.10.in-addr.arpa", "PTR")).rcode).toBe(5);
  expect((await dns.ask("kubernetes.default.svc.cluster.local", "A")).rcode).toBe(0);
});

test("an address that was asked for and is taken is told, and had once it is free", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, LOOPBACK, resolve));
  const { port } = taken.address() as AddressInfo;
  const clock = new ManualClock();
  const dns = await start({ listen: { host: LOOPBACK, port }, clock });
  expect(dns.told.join()).toContain("DNS cannot listen where --dns-listen says");
  expect(dns.server.addresses.map((address) => address.port)).not.toContain(port);
  await new Promise<void>((resolve) => taken.close(() => resolve()));
  await clock.advance(10_000);
  await expect.poll(() => dns.server.addresses.some((address) => address.port === port)).toBe(true);
  expect((await dns.ask("kubernetes.default.svc.cluster.local", "A")).rcode).toBe(0);
});

test("without port 53 it listens where anybody may, and pods are told of nothing", async () => {
  // An address that this machine does not have.
  const options = {
    serviceAddress: "192.0.2.10",
    handler: undefined as never,
    clock: systemClock,
    logger: silent,
    onChange: ignore,
  };
  const first = await openDnsListeners(options);
  const second = await openDnsListeners(options);
  try {
    const addresses = [...first.addresses, ...second.addresses];
    expect(addresses.map(({ host }) => host)).toEqual([LOOPBACK, LOOPBACK]);
    expect(new Set(addresses.map(({ port }) => port)).size).toBe(2);
    expect(addresses.map(({ port }) => port)).not.toContain(53);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

const mayListenAt53 = process.platform === "linux" && process.getuid?.() === 0;
test.skipIf(!mayListenAt53)(
  "two clusters on one machine have an address at port 53 each",
  async () => {
    const { listen: _none, ...one } = { listen: undefined };
    const options = {
      ...one,
      serviceAddress: "127.96.9.9",
      handler: undefined as never,
      clock: systemClock,
      logger: silent,
      onChange: ignore,
    };
    const first = await openDnsListeners(options);
    const second = await openDnsListeners(options);
    const [spare] = second.addresses;
    if (spare === undefined) throw new Error("the second does not listen");
    await second.close();
    const again = await openDnsListeners({ ...options, previous: spare });
    try {
      expect(first.addresses).toEqual([{ host: "127.96.9.9", port: 53 }]);
      expect([spare.port, spare.host.startsWith("127.97.")]).toEqual([53, true]);
      // Running pods know it by that address.
      expect(again.addresses).toEqual([spare]);
    } finally {
      await Promise.all([first.close(), again.close()]);
    }
  },
);
