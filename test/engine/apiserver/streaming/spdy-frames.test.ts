import { constants, createDeflate, deflateSync, inflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SPDY_DICTIONARY } from "../../../../src/engine/apiserver/streaming/spdy/dictionary.ts";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  SpdyError,
} from "../../../../src/engine/apiserver/streaming/spdy/frames.ts";
import {
  encodePairs,
  HeaderBlockReader,
  HeaderBlockWriter,
  parsePairs,
} from "../../../../src/engine/apiserver/streaming/spdy/header-blocks.ts";

const streamId = fc.integer({ min: 1, max: 0x7f_ff_ff_ff });
const number = fc.integer({ min: 0, max: 0x7f_ff_ff_ff });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const frame = fc.oneof(
  fc.record({
    type: fc.constantFrom("SYN_STREAM", "SYN_REPLY", "HEADERS"),
    streamId,
    block: bytes,
    fin: fc.boolean(),
  }),
  fc.record({ type: fc.constant("RST_STREAM"), streamId, status: number }),
  fc.record({ type: fc.constant("PING"), id: number }),
  fc.record({ type: fc.constant("GOAWAY"), lastStreamId: number, status: number }),
  fc.record({ type: fc.constant("WINDOW_UPDATE"), streamId: number, delta: number }),
  fc.record({ type: fc.constant("DATA"), streamId, data: bytes, fin: fc.boolean() }),
) as fc.Arbitrary<Exclude<Frame, { type: "SETTINGS" }>>;

/** Cuts `whole` at the given places. */
function pieces(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].sort(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => whole.subarray(at[index], end));
}

/** Pieces of one data frame put together again; empty ones without an end say nothing. */
function joined(frames: readonly Frame[]): Frame[] {
  const result: Frame[] = [];
  for (const one of frames) {
    const last = result.at(-1);
    if (one.type === "DATA" && one.data.length === 0 && !one.fin) continue;
    if (one.type === "DATA" && last?.type === "DATA" && last.streamId === one.streamId && !last.fin)
      result[result.length - 1] = {
        ...one,
        data: Buffer.concat([last.data, one.data]),
      };
    else result.push(one);
  }
  return result;
}

describe("SPDY frames", () => {
  test("are read as they were written, however the bytes come", () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat(2_000)), (frames, cuts) => {
        const reader = new FrameReader();
        const whole = Buffer.concat(frames.map(encodeFrame));
        const read = pieces(whole, cuts).flatMap((piece) => [...reader.read(piece)]);
        expect(joined(read)).toEqual(joined(frames));
      }),
    );
  });

  test("of bytes that are none end in a SpdyError, never in anything else", () => {
    const start = fc.constantFrom("", "80030001", "80030003", "80030006", "80030009", "8003");
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 400 }), (head, tail) => {
        const reader = new FrameReader();
        try {
          for (const one of reader.read(Buffer.concat([Buffer.from(head, "hex"), tail])))
            expect(one.type).toBeTypeOf("string");
        } catch (error) {
          expect(error).toBeInstanceOf(SpdyError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of control are bounded, of unknown types passed over", () => {
    const read = (hex: string) => [...new FrameReader().read(Buffer.from(hex, "hex"))];
    expect(() => read("8003000100ffffff")).toThrow(/larger than/);
    expect(() => read("8002000600000004" + "00000001")).toThrow(/version 2/);
    expect(read("800300ff00000001aa" + "800300060000000400000007")).toEqual([
      { type: "PING", id: 7 },
    ]);
  });
});

describe("SPDY header blocks", () => {
  const headers = fc
    .array(fc.tuple(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ maxLength: 40 })), {
      maxLength: 10,
    })
    .map((pairs) => new Map(pairs));

  test("the dictionary is that of the protocol", () => {
    let [a, b] = [1, 0];
    for (const byte of SPDY_DICTIONARY) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
    // Adler-32, which zlib streams of SPDY/3 carry.
    expect(b * 65_536 + a).toBe(0xe3_c6_a7_c2);
  });

  test("of one connection are read one after the other, as clients compress them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async (all) => {
        const deflate = createDeflate({
          dictionary: SPDY_DICTIONARY,
          flush: constants.Z_SYNC_FLUSH,
        });
        const reader = new HeaderBlockReader();
        for (const one of all) {
          deflate.write(encodePairs(one));
          const block = await new Promise<Buffer>((resolve) =>
            deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(deflate.read() as Buffer)),
          );
          expect(await reader.read(block)).toEqual(one);
        }
        reader.close();
        deflate.destroy();
      }),
      { numRuns: 30 },
    );
  });

  test("of ours are a zlib stream", async () => {
    const all = [new Map([["a", "b"]]), new Map(), new Map([["streamtype", "data"]])];
    const writer = new HeaderBlockWriter();
    const stream = Buffer.concat(all.map((one) => writer.write(one)));
    const plain = inflateSync(stream, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(plain).toEqual(Buffer.concat(all.map(encodePairs)));
    const [again, reader] = [new HeaderBlockWriter(), new HeaderBlockReader()];
    for (const one of all) expect(await reader.read(again.write(one))).toEqual(one);
    reader.close();
  });

  test("that are damaged, or grow without end, are refused", async () => {
    const bomb = deflateSync(Buffer.alloc(10_000_000), { dictionary: SPDY_DICTIONARY });
    await expect(new HeaderBlockReader().read(bomb)).rejects.toThrow(/larger than/);
    const reader = new HeaderBlockReader();
    await expect(reader.read(Buffer.from("no zlib at all"))).rejects.toThrow(SpdyError);
    await expect(reader.read(Buffer.alloc(4))).rejects.toThrow(SpdyError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (array) => {
        try {
          parsePairs(Buffer.from(array));
        } catch (error) {
          expect(error).toBeInstanceOf(SpdyError);
        }
      }),
    );
  });
});
