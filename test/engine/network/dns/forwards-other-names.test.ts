import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "dns-packet";
import { afterEach, expect, test } from "vitest";
import type { DnsServerOptions } from "../../../../src/engine/network/dns/dns-server.ts";
import { ManualClock } from "../../../manual-clock.ts";
import { answered, askUdp, DnsHarness } from "./dns-harness.ts";
import { a, FakeUpstream, type Respond } from "./fake-upstream.ts";

const upstreams: FakeUpstream[] = [];
let dns: DnsHarness | undefined;
afterEach(async () => {
  await dns?.stop();
  dns = undefined;
  for (const upstream of upstreams.splice(0)) await upstream.stop();
});

async function upstream(respond: Respond): Promise<FakeUpstream> {
  const started = await FakeUpstream.start(respond);
  upstreams.push(started);
  return started;
}
async function start(options: Partial<DnsServerOptions>): Promise<DnsHarness> {
  dns = await DnsHarness.start(options);
  return dns;
}
/** What clients asked for; not what the server asked for itself to find loops. */
const questions = (server: FakeUpstream): string[] =>
  server.names().filter((name) => !name.endsWith("gantry-loop-check"));

test("names outside the cluster are asked for upstream, and the answer is remembered", async () => {
  const server = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.7")] }));
  const { ask } = bind(await start({ upstreams: [server] }));
  const first = await ask("www.Example.com", "A");
  expect([first.rcode, first.data, first.flag_ra, first.flag_aa]).toEqual([
    0,
    ["A 192.0.2.7"],
    true,
    false,
  ]);
  const again = await ask("WWW.example.COM", "A");
  expect([again.data, again.questions?.[0]?.name]).toEqual([["A 192.0.2.7"], "WWW.example.COM"]);
  expect(questions(server)).toEqual(["udp A www.Example.com"]);
});

test("a server that cannot even be sent to is passed over, as one that does not answer", async () => {
  const server = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.7")] }));
  // No socket may send there, as to an IPv6 address on a machine that has no IPv6.
  const unreachable = { host: "255.255.255.255", port: 53 };
  const { ask } = bind(await start({ upstreams: [unreachable, server] }));
  expect((await ask("www.example.com", "A")).data).toEqual(["A 192.0.2.7"]);
});

test("what is remembered grows old, and is forgotten when its time is over", async () => {
  const server = await upstream(({ name }, number) => ({
    answers: [a(name, `192.0.2.${number}`, 40)],
  }));
  const clock = new ManualClock();
  const { ask } = bind(await start({ upstreams: [server], clock }));
  const ttls = async () =>
    (await ask("old.example", "A")).answers?.map((answer) => ("ttl" in answer ? answer.ttl : 0));
  expect(await ttls()).toEqual([40]);
  await clock.advance(30_000);
  expect(await ttls()).toEqual([10]);
  await clock.advance(10_001);
  expect(await ttls()).toEqual([40]);
  expect(questions(server)).toHaveLength(2);
});

test("that a name is missing is remembered for at most half a minute", async () => {
  const soa = {
    type: "SOA",
    name: "example",
    ttl: 3_600,
    data: { mname: "ns.example", rname: "root.example", minimum: 3_600 },
  } as const;
  const server = await upstream(() => ({ flags: 0x183, authorities: [soa] }));
  const clock = new ManualClock();
  const { ask } = bind(await start({ upstreams: [server], clock }));
  expect((await ask("gone.example", "A")).rcode).toBe(3);
  await clock.advance(29_000);
  expect((await ask("gone.example", "A")).authorities).toHaveLength(1);
  expect(questions(server)).toHaveLength(1);
  await clock.advance(2_000);
  expect((await ask("gone.example", "A")).rcode).toBe(3);
  expect(questions(server)).toHaveLength(2);
});

test("no name of the cluster ever leaves, whatever the search path makes of it", async () => {
  const server = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.7")] }));
  const { ask } = bind(await start({ upstreams: [server] }));
  for (const name of [
    "example.com.default.svc.cluster.local",
    "example.com.svc.cluster.local",
    "EXAMPLE.com.Cluster.LOCAL",
    "9.9.96.127.in-addr.arpa",
    "anything.localhost",
  ])
    await ask(name, "A");
  expect(questions(server)).toEqual([]);
});

test("a server that does not answer is passed over, and asked last from then on", async () => {
  const silent = await upstream(() => undefined);
  const second = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.8", 0)] }));
  const { ask } = bind(await start({ upstreams: [silent, second] }));
  expect((await ask("one.example", "A")).data).toEqual(["A 192.0.2.8"]);
  expect((await ask("two.example", "A")).data).toEqual(["A 192.0.2.8"]);
  expect([questions(silent), questions(second)]).toEqual([
    ["udp A one.example"],
    ["udp A one.example", "udp A two.example"],
  ]);
});

test("a server that does not want to answer is passed over; when none does, that is said", async () => {
  const refusing = await upstream(() => ({ flags: 0x185 }));
  const failing = await upstream(() => ({ flags: 0x182 }));
  const knowing = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.9")] }));
  const { ask } = bind(await start({ upstreams: [refusing, failing, knowing] }));
  expect((await ask("a.example", "A")).data).toEqual(["A 192.0.2.9"]);
  await dns?.stop();
  const none = bind(await start({ upstreams: [refusing, failing] }));
  expect((await none.ask("b.example", "A")).rcode).toBe(2);
});

test("an answer that does not fit is asked for over TCP, and passed on as far as it fits", async () => {
  const many = (name: string) => Array.from({ length: 60 }, (_, i) => a(name, `192.0.2.${i}`));
  const server = await upstream(({ name, transport }) =>
    transport === "udp" ? { flags: 0x380 } : { answers: many(name) },
  );
  const { ask, askTcp } = bind(await start({ upstreams: [server] }));
  const short = await ask("large.example", "A");
  expect(short.flag_tc).toBe(true);
  expect(short.bytes.length).toBeLessThanOrEqual(512);
  expect(short.data.length).toBeGreaterThan(5);
  expect((await askTcp("large.example", "A")).data).toHaveLength(60);
  expect(questions(server)).toEqual(["udp A large.example", "tcp A large.example"]);
});

test("each question has an id and a port of its own", async () => {
  const server = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.7")] }));
  const { ask } = bind(await start({ upstreams: [server] }));
  for (let index = 0; index < 12; index++) await ask(`n${index}.example`, "A");
  const asked = server.asked.filter(({ name }) => name.endsWith(".example"));
  expect(new Set(asked.map(({ id }) => id)).size).toBeGreaterThan(10);
  expect(new Set(asked.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(6);
});

test("forged answers are not believed: another id, question or sender", async () => {
  const forger = await FakeUpstream.start(() => undefined);
  upstreams.push(forger);
  const server = await upstream((asked) => {
    const to = { address: "127.0.0.1", port: asked.sourcePort };
    const forged = (id: number, name: string) =>
      encode({
        type: "response",
        id,
        questions: [{ name, type: "A" }],
        answers: [a(name, "203.0.113.66")],
      });
    forger.send(forged(asked.id, asked.name), to);
    server.send(forged(asked.id ^ 1, asked.name), to);
    server.send(forged(asked.id, "other.example"), to);
    server.send(asked.bytes, to);
    server.send(Buffer.from("nonsense"), to);
    return { answers: [a(asked.name, "192.0.2.7")] };
  });
  const { ask } = bind(await start({ upstreams: [server] }));
  expect((await ask("bank.example", "A")).data).toEqual(["A 192.0.2.7"]);
});

test("when somebody guesses answers, the question goes over TCP", async () => {
  const server = await upstream((asked) => {
    if (asked.transport === "tcp") return { answers: [a(asked.name, "192.0.2.7")] };
    for (let guess = 1; guess <= 20; guess++) {
      const packet = Buffer.from(asked.bytes);
      packet.writeUInt16BE((asked.id + guess) & 0xffff, 0);
      packet.writeUInt16BE(0x8180, 2);
      server.send(packet, { address: "127.0.0.1", port: asked.sourcePort });
    }
    return undefined;
  });
  const { ask } = bind(await start({ upstreams: [server] }));
  expect((await ask("bank.example", "A")).data).toEqual(["A 192.0.2.7"]);
});

test.each([
  ["a name that points at itself", Buffer.from([0xc0, 33, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0])],
  ["a record that goes on after the end", Buffer.from([0, 0, 1, 0, 1, 0, 0, 0, 9, 0xff, 0xff])],
  ["half a record", Buffer.from([0, 0, 1])],
  ["no record at all", Buffer.alloc(0)],
])("%s in an answer fails the question, nothing else", async (_what, record) => {
  const server = await upstream(({ name, bytes }) => {
    if (!name.startsWith("bad")) return { answers: [a(name, "192.0.2.7")] };
    const head = Buffer.from(bytes.subarray(0, 12 + name.length + 2 + 4));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(1, 6);
    head.writeUInt16BE(0, 10);
    return Buffer.concat([head, record]);
  });
  const { ask } = bind(await start({ upstreams: [server] }));
  expect((await ask("bad0000.example", "A")).rcode).toBe(2);
  expect((await ask("good.example", "A")).data).toEqual(["A 192.0.2.7"]);
});

test("who asks the same at the same time waits for one answer", async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = await upstream((asked) => {
    const to = { address: "127.0.0.1", port: asked.sourcePort };
    void held.then(() =>
      server.send(
        encode({
          type: "response",
          id: asked.id,
          questions: [{ name: asked.name, type: "A" }],
          answers: [a(asked.name, "192.0.2.7")],
        }),
        to,
      ),
    );
    return undefined;
  });
  const { ask, server: own } = bind(await start({ upstreams: [server] }));
  const asked = Array.from({ length: 20 }, () => ask("slow.example", "A"));
  while (own.counts.cacheMisses === 0 || questions(server).length === 0)
    await new Promise((resolve) => setImmediate(resolve));
  // The others were sent before this one, whose answer needs nobody.
  await ask("kubernetes.default.svc.cluster.local", "A");
  release();
  for (const answer of await Promise.all(asked)) expect(answer.data).toEqual(["A 192.0.2.7"]);
  expect(questions(server)).toEqual(["udp A slow.example"]);
});

test("without upstreams, and when recursion is not asked for, the question is refused", async () => {
  const server = await upstream(({ name }) => ({ answers: [a(name, "192.0.2.7")] }));
  const alone = bind(await start({ upstreams: [] }));
  expect((await alone.ask("www.example", "A")).rcode).toBe(5);
  await dns?.stop();
  const { ask } = bind(await start({ upstreams: [server] }));
  expect((await ask("www.example", "A", { flags: 0 })).rcode).toBe(5);
  expect(questions(server)).toEqual([]);
});

const mayListenAt53 = process.platform === "linux" && process.getuid?.() === 0;
test.skipIf(!mayListenAt53)("resolv.conf is read again when it changes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "gantry-dns-"));
  const clock = new ManualClock();
  const resolvConf = join(directory, "resolv.conf");
  // The file knows no ports: two servers at port 53 of addresses that nobody else has.
  const servers = await Promise.all(
    ["127.98.1.1", "127.98.1.2"].map((host, index) =>
      FakeUpstream.start(({ name }) => ({ answers: [a(name, `192.0.2.${index}`, 0)] }), host, 53),
    ),
  );
  upstreams.push(...servers);
  try {
    await writeFile(resolvConf, "nameserver 127.98.1.1\n");
    const started = await start({ resolvConf, clock });
    const { ask } = bind(started);
    expect((await ask("a.example", "A")).data).toEqual(["A 192.0.2.0"]);
    await writeFile(resolvConf, "# changed\nnameserver 127.98.1.2\n");
    expect((await ask("b.example", "A")).data).toEqual(["A 192.0.2.0"]);
    await clock.advance(5_000);
    expect((await ask("c.example", "A")).data).toEqual(["A 192.0.2.1"]);
    await rm(resolvConf);
    await clock.advance(5_000);
    expect((await ask("d.example", "A")).data).toEqual(["A 192.0.2.1"]);
    expect(started.told.join()).toContain("upstream DNS servers cannot be read");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("an upstream that asks us in turn is found out and asked no more", async () => {
  let own = 0;
  const looping = await upstream((asked) => {
    // As the machine's resolver does: the question goes on, the answer comes back to who asked it.
    void askUdp(own, asked.bytes).then(
      (answer) => looping.send(answer, { address: "127.0.0.1", port: asked.sourcePort }),
      () => undefined,
    );
    return undefined;
  });
  const started = await start({ upstreams: [looping] });
  own = started.port;
  const { ask } = bind(started);
  await ask("first.example", "A");
  expect(started.told.join()).toContain("asks the cluster's own DNS server in turn");
  const before = looping.asked.length;
  expect((await ask("second.example", "A")).rcode).toBe(5);
  expect(looping.asked.length).toBe(before);
  // One question of ours, as often as we try, and the probe: no storm.
  expect(before).toBeLessThan(10);
});

test("we never ask ourselves", async () => {
  const port = await freePort();
  const own = { host: "127.0.0.1", port };
  const started = await start({ listen: own, upstreams: [own] });
  expect((await bind(started).ask("www.example", "A")).rcode).toBe(5);
});

test("too many questions at once are refused, and the cluster's names still answered", async () => {
  const server = await upstream(() => undefined);
  const { server: own, ask, port } = bind(await start({ upstreams: [server] }));
  const question = (index: number) =>
    encode({
      type: "query",
      id: index,
      flags: 0x100,
      questions: [{ name: `n${index}.example`, type: "A" }],
    });
  const all = Array.from({ length: 300 }, (_, index) =>
    askUdp(port, question(index)).then(answered),
  );
  const first = await Promise.race(all);
  expect(first.rcode).toBe(2);
  expect((await ask("kubernetes.default.svc.cluster.local", "A")).data).toEqual(["A 127.96.0.1"]);
  expect(own.counts.failed).toBeGreaterThanOrEqual(1);
  await dns?.stop();
  dns = undefined;
  for (const late of all) late.catch(() => undefined);
});

function bind(harness: DnsHarness) {
  return {
    ask: harness.ask.bind(harness),
    askTcp: harness.askTcp.bind(harness),
    server: harness.server,
    port: harness.port,
  };
}

async function freePort(): Promise<number> {
  const probe = await FakeUpstream.start(() => undefined);
  const { port } = probe;
  await probe.stop();
  return port;
}
