/** What is a message, what is answered to it, and in which size: over the wire, hostile bytes too. */
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { encode, type RecordType } from "dns-packet";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../../../src/client/logger.ts";
import { MAX_DATAGRAM_BYTES } from "../../../../src/engine/network/dns/response.ts";
import { answered, askTcp, askUdp, DnsHarness } from "./dns-harness.ts";

const WEB = "web.default.svc.cluster.local";
const MANY = "many.default.svc.cluster.local";
/** The codec knows it, its types do not. */
const ANY = "ANY" as string as RecordType;
const SRV_MANY = `_http._tcp.${MANY}`;
let dns: DnsHarness;

beforeAll(async () => {
  dns = await DnsHarness.start();
  await dns.service("web", { clusterIP: "127.96.7.7", ports: [{ name: "http", port: 80 }] });
  await dns.service("many", { clusterIP: "None", ports: [{ name: "http", port: 80 }] });
  const endpoints = Array.from({ length: 100 }, (_, index) => ({
    ip: `10.1.0.${index}`,
    hostname: `many-${index}`,
  }));
  await dns.slice("many", endpoints, [{ name: "http", port: 8080 }]);
});
afterAll(() => dns.stop());

function query(name: string, type: RecordType = "A", edns?: { size: number; version?: number }) {
  return encode({
    type: "query",
    id: 99,
    flags: 0x100,
    questions: [{ name, type }],
    ...(edns === undefined
      ? {}
      : {
          additionals: [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: edns.size,
              extendedRcode: 0,
              ednsVersion: edns.version ?? 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
        }),
  });
}
const ask = async (packet: Buffer) => answered(await askUdp(dns.port, packet));
/** That a packet is not answered shows when a later one on the same socket is. */
async function isDropped(packet: Buffer): Promise<boolean> {
  const before = dns.server.counts.dropped;
  const { createSocket } = await import("node:dgram");
  const socket = createSocket("udp4");
  const answers: Buffer[] = [];
  await new Promise<void>((resolve) => {
    socket.on("message", (answer) => {
      answers.push(answer);
      if (answer.readUInt16BE(0) === 99) resolve();
    });
    socket.send(packet, dns.port, "127.0.0.1");
    socket.send(query(WEB), dns.port, "127.0.0.1");
  });
  socket.close();
  return answers.length === 1 && dns.server.counts.dropped > before;
}

describe("what is refused, and how", () => {
  test("answers are dropped, or two servers would talk for ever", async () => {
    const packet = query(WEB);
    packet.writeUInt16BE(0x8180, 2);
    packet.writeUInt16BE(1, 0);
    expect(await isDropped(packet)).toBe(true);
  });

  test("so is what has no header", async () => {
    expect(await isDropped(Buffer.from("short"))).toBe(true);
    expect(await isDropped(Buffer.alloc(0))).toBe(true);
  });

  test.each([
    [2, 0x1000, "status"],
    [5, 0x2800, "update"],
    [4, 0x2000, "notify"],
  ])("operation %i is none of ours", async (_opcode, flags) => {
    const packet = query(WEB);
    packet.writeUInt16BE(flags, 2);
    const answer = await ask(packet);
    expect([answer.rcode, answer.bytes.readUInt16BE(2) & 0x7800]).toEqual([4, flags]);
  });

  test.each([0, 2, 65_535])("%i questions are malformed", async (count) => {
    const packet = query(WEB);
    packet.writeUInt16BE(count, 4);
    const bytes = await askUdp(dns.port, packet);
    expect([bytes.readUInt16BE(2) & 15, bytes.readUInt16BE(4), bytes.length]).toEqual([1, 0, 12]);
  });

  test("zone transfers and other classes are refused", async () => {
    for (const type of ["AXFR", "IXFR"] as const)
      expect((await ask(query("cluster.local", type))).rcode).toBe(5);
    const chaos = query("version.bind", "TXT");
    chaos.writeUInt16BE(3, chaos.length - 2);
    expect((await ask(chaos)).rcode).toBe(5);
  });

  test.each([
    ["a pointer in the question", Buffer.from([0xc0, 12, 0, 1, 0, 1])],
    ["a label of 64 bytes", Buffer.concat([Buffer.from([64]), Buffer.alloc(70)])],
    [
      "a name of 260 bytes",
      Buffer.concat([
        ...Array.from({ length: 65 }, () => Buffer.from([3, 97, 97, 97])),
        Buffer.alloc(5),
      ]),
    ],
    ["a name without an end", Buffer.from([3, 97, 97])],
    ["no type", Buffer.from([1, 97, 0])],
    ["bytes behind the question", Buffer.from([1, 97, 0, 0, 1, 0, 1, 7])],
  ])("%s is malformed", async (_what, tail) => {
    const head = Buffer.from([0, 99, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const bytes = await askUdp(dns.port, Buffer.concat([head, tail]));
    expect(bytes.readUInt16BE(2) & 15).toBe(1);
  });

  test("a second OPT record is malformed, another EDNS version is told of ours", async () => {
    const opt = query(WEB, "A", { size: 1232 });
    const twice = Buffer.concat([opt, opt.subarray(opt.length - 11)]);
    twice.writeUInt16BE(2, 10);
    expect((await ask(twice)).rcode).toBe(1);
    const answer = await ask(query(WEB, "A", { size: 1232, version: 7 }));
    expect([answer.rcode, answer.data]).toEqual([0, []]);
    expect(answer.additionals).toMatchObject([{ type: "OPT", extendedRcode: 1, ednsVersion: 0 }]);
  });

  test("who asks for everything gets little (RFC 8482)", async () => {
    for (const name of [WEB, "cluster.local", "www.example.com"])
      expect((await ask(query(name, ANY))).answers?.map(({ type }) => type)).toEqual(["HINFO"]);
    expect((await ask(query("gone.cluster.local", ANY))).rcode).toBe(3);
  });
});

describe("the size of answers", () => {
  test("without EDNS they have 512 bytes at most, with it what the client takes and we send", async () => {
    for (const [size, most] of [
      [undefined, 512],
      [100, 512],
      [800, 800],
      [65_000, MAX_DATAGRAM_BYTES],
    ] as const) {
      const answer = await ask(query(SRV_MANY, "SRV", size === undefined ? undefined : { size }));
      expect(answer.bytes.length).toBeLessThanOrEqual(most);
      expect(answer.bytes.length).toBeGreaterThan(most - 100);
      expect([answer.flag_tc, answer.additionals?.length]).toEqual([
        true,
        size === undefined ? 0 : 1,
      ]);
    }
  });

  test("over TCP they are whole, with the addresses of all targets", async () => {
    const answer = answered(await askTcp(dns.port, query(SRV_MANY, "SRV")));
    expect([answer.flag_tc, answer.data.length, answer.additionals?.length]).toEqual([
      false,
      100,
      100,
    ]);
  });

  test("addresses beside an answer are left out before the answer is", async () => {
    const answer = await ask(query("_http._tcp.many-1.many.default.svc.cluster.local", "SRV"));
    expect([answer.flag_tc, answer.additionals?.length]).toEqual([false, 1]);
    const tight = await ask(query(MANY, "A", { size: 1232 }));
    expect([tight.flag_tc, tight.data.length]).toEqual([true, 73]);
  });
});

describe("over TCP", () => {
  test("several questions on one connection are all answered, however they are cut", async () => {
    const framed = [WEB, MANY, "gone.cluster.local"].map((name, id) => {
      const packet = query(name);
      packet.writeUInt16BE(id, 0);
      return Buffer.concat([Buffer.of(0, packet.length), packet]);
    });
    const socket = connect({ port: dns.port, host: "127.0.0.1", noDelay: true });
    let received = Buffer.alloc(0);
    const ids: number[] = [];
    const done = new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.on("data", (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        while (received.length > 2 && received.length >= 2 + received.readUInt16BE(0)) {
          ids.push(received.readUInt16BE(2));
          received = received.subarray(2 + received.readUInt16BE(0));
        }
        if (ids.length === 3) resolve();
      });
    });
    const bytes = Buffer.concat(framed);
    for (let at = 0; at < bytes.length; at += 13) {
      socket.write(bytes.subarray(at, at + 13));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect(ids.sort((a, b) => a - b)).toEqual([0, 1, 2]);
    socket.destroy();
  });

  test.each([
    ["a question that is longer than any", Buffer.from([0xff, 0xff, 0])],
    [
      "an answer",
      Buffer.concat([Buffer.of(0, 12), Buffer.from("000081800000000000000000", "hex")]),
    ],
  ])("%s ends the connection", async (_what, bytes) => {
    const socket = connect(dns.port, "127.0.0.1");
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.on("error", () => undefined);
      socket.write(bytes);
      socket.resume();
    });
  });
});

describe("whatever comes", () => {
  const alive = async () => expect((await ask(query(WEB))).data).toEqual(["A 127.96.7.7"]);

  test("any bytes get a short answer or none, and the next question is answered", async () => {
    const { DnsHandler } = await import("../../../../src/engine/network/dns/dns-handler.ts");
    const seen: unknown[] = [];
    const handler = new DnsHandler({
      zone: { resolve: (labels: readonly string[]) => void seen.push(labels) } as never,
      reverse: { resolve: () => undefined } as never,
      forwarder: { ask: () => "failed" } as never,
      probe: { isOwn: () => false } as never,
      logger: silentLogger,
    });
    const check = (packet: Buffer): void => {
      const reply = handler.handle(packet, "udp");
      if (reply === undefined) return;
      if (reply instanceof Promise) throw new Error("nobody is asked here");
      expect(reply.length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
      expect(reply.readUInt16BE(0)).toBe(packet.readUInt16BE(0));
      expect(reply.readUInt16BE(2) & 0x8000).toBe(0x8000);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => check(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
    const valid = query(SRV_MANY, "SRV", { size: 1232 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(valid.length),
        (changes, length) => {
          const packet = Buffer.from(valid);
          for (const [at, byte] of changes) packet[at] = byte;
          check(packet.subarray(0, length));
          check(packet);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(seen.length).toBeGreaterThan(100);
  });

  test("a flood of nonsense over the wire changes nothing", async () => {
    const { createSocket } = await import("node:dgram");
    const socket = createSocket("udp4");
    for (const packet of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 1_400 }), 300))
      await new Promise<void>((resolve) =>
        socket.send(packet, dns.port, "127.0.0.1", () => resolve()),
      );
    socket.close();
    await alive();
  });
});

const hasDig = (() => {
  try {
    execFileSync("dig", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
test.skipIf(!hasDig)("dig agrees", async () => {
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const dig = async (...args: string[]): Promise<string> => {
    const at = ["@127.0.0.1", "-p", String(dns.port), "+tries=1"];
    return (await promisify(execFile)("dig", [...at, ...args])).stdout;
  };
  expect(await dig("+short", WEB)).toBe("127.96.7.7\n");
  expect(await dig("+short", "-x", "127.96.7.7")).toBe(`${WEB}.\n`);
  expect(await dig("+short", "TXT", "dns-version.cluster.local")).toBe('"1.1.0"\n');
  expect(await dig("+short", "+tcp", "SRV", `_http._tcp.${WEB}`)).toBe(`0 100 80 ${WEB}.\n`);
  expect((await dig("+short", SRV_MANY, "SRV")).trim().split("\n")).toHaveLength(100);
  const missing = await dig("gone.default.svc.cluster.local");
  expect(missing).toContain("status: NXDOMAIN");
  expect(missing).toMatch(/cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\./);
  expect(missing).not.toMatch(/malformed|extra/i);
});
