/** The Kubernetes DNS specification 1.1.0, asked over the wire. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DnsHarness } from "./dns-harness.ts";

const ZONE = "cluster.local";
let dns: DnsHarness;

beforeAll(async () => {
  dns = await DnsHarness.start();
  const http = { name: "http", port: 80, protocol: "TCP" };
  await dns.service("web", {
    clusterIP: "127.96.7.7",
    ports: [http, { name: "quic", port: 443, protocol: "UDP" }],
  });
  await dns.service("plain", { clusterIP: "127.96.7.8", ports: [{ port: 80 }] });
  await dns.service("db", {
    clusterIP: "None",
    ports: [
      { name: "pg", port: 5432 },
      { name: "admin", port: 9000 },
    ],
  });
  const ports = (pg: number) => [
    { name: "pg", port: pg },
    { name: "admin", port: pg + 1 },
  ];
  // Pods of the process runtime: one address, ports of their own, so a slice for each.
  await dns.slice("db", [{ ip: "127.0.0.1", hostname: "db-0" }], ports(20_001), "db-a");
  await dns.slice("db", [{ ip: "127.0.0.1", hostname: "db-1" }], ports(20_011), "db-b");
  await dns.slice("db", [{ ip: "127.0.0.1", hostname: "db-2", ready: false }], ports(1), "db-c");
  await dns.service("many", { clusterIP: "None", ports: [{ name: "http", port: 80 }] });
  await dns.slice(
    "many",
    [{ ip: "10.1.0.1" }, { ip: "10.1.0.2" }, { ip: "10.1.0.3", hostname: "Third".toLowerCase() }],
    [{ name: "http", port: 8080 }],
  );
  await dns.slice("many", [{ ip: "fd00::1" }], [{ name: "http", port: 8080 }], "many-6");
  await dns.service("idle", { clusterIP: "None", ports: [{ name: "http", port: 80 }] });
  await dns.slice("idle", [{ ip: "10.2.0.1", ready: false }], [{ name: "http", port: 80 }]);
  await dns.service("early", { clusterIP: "None", publishNotReadyAddresses: true });
  await dns.slice("early", [{ ip: "10.3.0.1", ready: false }]);
  await dns.pod("alone", "10.4.0.9");
});
afterAll(() => dns.stop());

async function expectNames(type: "A" | "AAAA" | "SRV" | "PTR", name: string, data: string[]) {
  const answer = await dns.ask(name, type);
  expect({ rcode: answer.rcode, data: [...answer.data].sort() }).toEqual({ rcode: 0, data });
  expect(answer.flag_aa).toBe(true);
}

describe("a Service with an address", () => {
  test("has an A record, no AAAA record, and lives 30 seconds", async () => {
    await expectNames("A", `web.default.svc.${ZONE}`, ["A 127.96.7.7"]);
    const { answers = [] } = await dns.ask(`web.default.svc.${ZONE}`, "A");
    expect(answers.map((answer) => "ttl" in answer && answer.ttl)).toEqual([30]);
    const six = await dns.ask(`web.default.svc.${ZONE}`, "AAAA");
    expect([six.rcode, six.data, six.authorities?.map(({ type }) => type)]).toEqual([
      0,
      [],
      ["SOA"],
    ]);
  });

  test("has SRV records for named ports, with the address beside them", async () => {
    const answer = await dns.ask(`_http._tcp.web.default.svc.${ZONE}`, "SRV");
    expect(answer.data).toEqual([`SRV 80 web.default.svc.${ZONE}`]);
    expect(answer.additionals?.map((extra) => "data" in extra && extra.data)).toEqual([
      "127.96.7.7",
    ]);
    await expectNames("SRV", `_quic._udp.web.default.svc.${ZONE}`, [
      `SRV 443 web.default.svc.${ZONE}`,
    ]);
  });

  test.each([
    "_http._udp.web",
    "_other._tcp.web",
    "_._tcp.plain",
    "_80._tcp.plain",
    "nobody.web",
    "nothing",
  ])("has no name %s", async (below) => {
    const answer = await dns.ask(`${below}.default.svc.${ZONE}`, "SRV");
    expect([answer.rcode, answer.authorities?.length]).toEqual([3, 1]);
  });

  test("is found by its address", async () => {
    await expectNames("PTR", "7.7.96.127.in-addr.arpa", [`PTR web.default.svc.${ZONE}`]);
  });
});

describe("a headless Service", () => {
  test("has the addresses of all ready endpoints, each family by its type", async () => {
    const name = `many.default.svc.${ZONE}`;
    await expectNames("A", name, ["A 10.1.0.1", "A 10.1.0.2", "A 10.1.0.3"]);
    await expectNames("AAAA", name, ["AAAA fd00::1"]);
  });

  test("begins with another endpoint each time", async () => {
    const firsts = new Set<string | undefined>();
    for (let turn = 0; turn < 6; turn++)
      firsts.add((await dns.ask(`many.default.svc.${ZONE}`, "A")).data[0]);
    expect([...firsts].map(String).sort()).toEqual(["A 10.1.0.1", "A 10.1.0.2", "A 10.1.0.3"]);
  });

  test("has an SRV record for each endpoint and named port", async () => {
    await expectNames("SRV", `_http._tcp.many.default.svc.${ZONE}`, [
      `SRV 8080 10-1-0-1.many.default.svc.${ZONE}`,
      `SRV 8080 10-1-0-2.many.default.svc.${ZONE}`,
      `SRV 8080 fd00--1.many.default.svc.${ZONE}`,
      `SRV 8080 third.many.default.svc.${ZONE}`,
    ]);
    await expectNames("A", `10-1-0-2.many.default.svc.${ZONE}`, ["A 10.1.0.2"]);
    await expectNames("A", `third.many.default.svc.${ZONE}`, ["A 10.1.0.3"]);
  });

  test("tells the ports that pods really have where they share an address", async () => {
    await expectNames("A", `db.default.svc.${ZONE}`, ["A 127.0.0.1"]);
    await expectNames("SRV", `_pg._tcp.db.default.svc.${ZONE}`, [
      `SRV 20001 db-0.db.default.svc.${ZONE}`,
      `SRV 20011 db-1.db.default.svc.${ZONE}`,
    ]);
    await expectNames("SRV", `_admin._tcp.db-1.db.default.svc.${ZONE}`, [
      `SRV 20012 db-1.db.default.svc.${ZONE}`,
    ]);
    await expectNames("A", `db-1.db.default.svc.${ZONE}`, ["A 127.0.0.1"]);
  });

  test("has no name of a pod that is not ready, and none at all without a ready one", async () => {
    for (const name of ["db-2.db", "idle", "_http._tcp.idle"])
      expect((await dns.ask(`${name}.default.svc.${ZONE}`, "A")).rcode).toBe(3);
  });

  test("publishes what is not ready when it says so", async () => {
    await expectNames("A", `early.default.svc.${ZONE}`, ["A 10.3.0.1"]);
  });

  test("names endpoints with a hostname by their address, but not those that share 127.0.0.1", async () => {
    await expectNames("PTR", "3.0.1.10.in-addr.arpa", [`PTR third.many.default.svc.${ZONE}`]);
    await expectNames("PTR", "1.0.0.127.in-addr.arpa", ["PTR localhost"]);
    expect((await dns.ask("2.0.1.10.in-addr.arpa", "PTR")).rcode).toBe(5);
    expect((await dns.ask("9.9.9.127.in-addr.arpa", "PTR")).rcode).toBe(3);
  });
});

describe("other names of the zone", () => {
  test("the version of the specification", async () => {
    expect((await dns.ask(`dns-version.${ZONE}`, "TXT")).data).toEqual(["TXT 1.1.0"]);
  });

  test("the zone and its server", async () => {
    expect((await dns.ask(ZONE, "NS")).data).toEqual([`NS ns.dns.${ZONE}`]);
    expect((await dns.ask(ZONE, "SOA")).answers).toMatchObject([
      { name: ZONE, data: { mname: `ns.dns.${ZONE}`, minimum: 5 } },
    ]);
    await expectNames("A", `ns.dns.${ZONE}`, ["A 127.96.0.10"]);
    await expectNames("A", `kube-dns.kube-system.svc.${ZONE}`, ["A 127.96.0.10"]);
  });

  test("pods by their address, only while they are there and in their own namespace", async () => {
    await expectNames("A", `10-4-0-9.default.pod.${ZONE}`, ["A 10.4.0.9"]);
    for (const name of ["10-4-0-8.default", "10-4-0-9.kube-system", "x.10-4-0-9.default"])
      expect((await dns.ask(`${name}.pod.${ZONE}`, "A")).rcode).toBe(3);
  });

  test.each([
    ZONE,
    `svc.${ZONE}`,
    `pod.${ZONE}`,
    `default.svc.${ZONE}`,
    `default.pod.${ZONE}`,
    `dns.${ZONE}`,
    `_tcp.web.default.svc.${ZONE}`,
    `_tcp.db-0.db.default.svc.${ZONE}`,
  ])("%s is there, because names below it are", async (name) => {
    const answer = await dns.ask(name, "A");
    expect([answer.rcode, answer.data]).toEqual([0, []]);
  });

  test.each([
    `other.${ZONE}`,
    `other.svc.${ZONE}`,
    `web.other.svc.${ZONE}`,
    `example.com.default.svc.${ZONE}`,
  ])("%s is not", async (name) => {
    const answer = await dns.ask(name, "A");
    expect([answer.rcode, answer.authorities?.[0]?.name]).toEqual([3, ZONE]);
  });

  test("letters may be of either case, and come back as they were asked", async () => {
    const name = "wEb.dEfAuLt.SVC.cLuStEr.LoCaL";
    const answer = await dns.ask(name, "A");
    expect(answer.data).toEqual(["A 127.96.7.7"]);
    expect([answer.questions?.[0]?.name, answer.answers?.[0]?.name]).toEqual([name, name]);
  });

  test("a dot inside a label divides nothing", async () => {
    const query = Buffer.concat([
      Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11]),
      Buffer.from("web.default"),
      Buffer.from([3]),
      Buffer.from("svc"),
      Buffer.from([7]),
      Buffer.from("cluster"),
      Buffer.from([5]),
      Buffer.from("local"),
      Buffer.from([0, 0, 1, 0, 1]),
    ]);
    const { askUdp, answered } = await import("./dns-harness.ts");
    expect(answered(await askUdp(dns.port, query)).data).toEqual([]);
  });
});

test("Node's own resolver understands all of it", async () => {
  const { resolver } = dns;
  expect(await resolver.resolve4(`web.default.svc.${ZONE}`)).toEqual(["127.96.7.7"]);
  expect(await resolver.resolveSrv(`_pg._tcp.db-0.db.default.svc.${ZONE}`)).toEqual([
    { name: `db-0.db.default.svc.${ZONE}`, port: 20_001, priority: 0, weight: 100 },
  ]);
  expect(await resolver.reverse("127.96.7.7")).toEqual([`web.default.svc.${ZONE}`]);
  await expect(resolver.resolve4(`gone.default.svc.${ZONE}`)).rejects.toMatchObject({
    code: "ENOTFOUND",
  });
  await expect(resolver.resolve6(`web.default.svc.${ZONE}`)).rejects.toMatchObject({
    code: "ENODATA",
  });
});
