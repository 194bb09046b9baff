/** Answers of others: read with care, remembered within bounds, passed on whole or cut. */
import { type Answer, decode, encode } from "dns-packet";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerCache } from "../../../../src/engine/network/dns/answer-cache.ts";
import { type Query, readQuery } from "../../../../src/engine/network/dns/query.ts";
import {
  parseResolvConf,
  writeResolvConf,
} from "../../../../src/engine/network/dns/resolv-conf.ts";
import {
  answersQuestion,
  readUpstreamAnswer,
  writeUpstreamAnswer,
} from "../../../../src/engine/network/dns/upstream-answer.ts";
import { MalformedMessageError } from "../../../../src/engine/network/dns/wire-name.ts";
import { ManualClock } from "../../../manual-clock.ts";
import { a } from "./fake-upstream.ts";

const QUESTION = { name: "www.example.com", type: "A" } as const;
function query(withEdns: boolean): Query {
  const opt = {
    type: "OPT" as const,
    name: ".",
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } satisfies Answer;
  const packet = encode({
    type: "query",
    id: 7,
    flags: 0x100,
    questions: [QUESTION],
    additionals: withEdns ? [opt] : [],
  });
  const read = readQuery(packet);
  if (read === undefined || "rcode" in read) throw new Error("no query");
  return read;
}
const message = (count: number, ttl = 60) =>
  encode({
    type: "response",
    id: 7,
    flags: 0x180,
    questions: [QUESTION],
    answers: Array.from({ length: count }, (_, index) => a(QUESTION.name, `192.0.2.${index}`, ttl)),
  });

test("whatever bytes come, they are read or refused, and what is passed on can be read", () => {
  const valid = message(5);
  const check = (bytes: Buffer, maxBytes: number): void => {
    answersQuestion(bytes, 7, query(false).question);
    let answer;
    try {
      answer = readUpstreamAnswer(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError);
      return;
    }
    if (!answersQuestion(bytes, 7, query(false).question)) return;
    for (const withEdns of [false, true]) {
      const written = writeUpstreamAnswer(query(withEdns), answer, 10, { maxBytes });
      expect(written.length).toBeLessThanOrEqual(maxBytes);
      // Records may be of types with contents of their own; where each ends is known.
      expect(() => readUpstreamAnswer(written)).not.toThrow();
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => check(Buffer.from(bytes), 512)),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.integer({ min: 64, max: 600 }),
      (changes, maxBytes) => {
        const bytes = Buffer.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        check(bytes, maxBytes);
      },
    ),
    { numRuns: 3_000 },
  );
});

test("a chain of pointers is followed only so far, and never forwards", () => {
  const head = message(0);
  head.writeUInt16BE(1, 6);
  const pointers = Array.from({ length: 40 }, (_, index) => {
    const target = head.length + 2 * (index + 1);
    return Buffer.of(0xc0 | (target >> 8), target & 0xff);
  });
  expect(() => readUpstreamAnswer(Buffer.concat([head, ...pointers]))).toThrow(
    MalformedMessageError,
  );
});

test("what is passed on is cut between records, and says so", () => {
  const answer = readUpstreamAnswer(message(40));
  const cut = writeUpstreamAnswer(query(false), answer, 0, { maxBytes: 512 });
  const whole = writeUpstreamAnswer(query(true), answer, 0, { maxBytes: 4_096 });
  expect(cut.length).toBeLessThanOrEqual(512);
  expect([decode(cut).flag_tc, decode(whole).flag_tc]).toEqual([true, false]);
  expect([decode(whole).answers?.length, decode(whole).additionals?.length]).toEqual([40, 1]);
});

test("the cache holds so many answers and so many bytes, the ones asked for last", () => {
  const cache = new AnswerCache(new ManualClock());
  const small = readUpstreamAnswer(message(1));
  for (let index = 0; index < 10_500; index++) {
    cache.store(`name-${index}`, small);
    cache.find("name-0");
  }
  expect(cache.size).toBe(10_000);
  expect([cache.find("name-0"), cache.find("name-1")]).toEqual([expect.anything(), undefined]);
  const large = { ...small, bytes: Buffer.alloc(60_000) };
  for (let index = 0; index < 1_000; index++) cache.store(`large-${index}`, large);
  expect(cache.size).toBeLessThan(300);
});

test("times to live are capped; nothing is remembered that says 0, failed or was cut", async () => {
  const clock = new ManualClock();
  const cache = new AnswerCache(clock);
  cache.store("long", readUpstreamAnswer(message(1, 86_400)));
  await clock.advance(299_000);
  expect(cache.find("long")?.ageSeconds).toBe(299);
  await clock.advance(1_000);
  expect(cache.find("long")).toBeUndefined();
  const failure = encode({ type: "response", id: 7, flags: 0x182, questions: [QUESTION] });
  cache.store("zero", readUpstreamAnswer(message(1, 0)));
  cache.store("negative", readUpstreamAnswer(message(1, 0x80000001)));
  cache.store("failure", readUpstreamAnswer(failure));
  cache.store("cut", { ...readUpstreamAnswer(message(1)), isTruncated: true });
  expect(cache.size).toBe(0);
});

test("resolv.conf is read as resolvers read it", () => {
  const text = `# comment
; another
nameserver 192.0.2.1
  nameserver\t2001:db8::1
nameserver fe80::1%eth0
nameserver not-an-address
nameserver
search first.example second.example
domain last.example ignored
search a.example b.example
options ndots:2 rotate
options edns0
unknown thing
`;
  const read = parseResolvConf(text);
  expect(read).toEqual({
    nameservers: ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"],
    searches: ["a.example", "b.example"],
    options: ["ndots:2", "rotate", "edns0"],
  });
  expect(parseResolvConf(writeResolvConf(read))).toEqual(read);
  expect(parseResolvConf("\u0000\n\n  \n")).toEqual({ nameservers: [], searches: [], options: [] });
});
