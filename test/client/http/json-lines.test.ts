import fc from "fast-check";
import { expect, test } from "vitest";
import { LineTooLongError, splitLines } from "../../../src/client/http/json-lines.ts";

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts].map((c) => c % (bytes.length + 1)).sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
  await Promise.resolve();
}
async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test("lines come out whole however the bytes were cut, inside characters too", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 20 }),
      fc.array(fc.nat(500)),
      fc.boolean(),
      async (values, cuts, ends) => {
        const lines = values.map((value) => JSON.stringify(value));
        const bytes = Buffer.from(lines.join("\n") + (ends ? "\n" : ""));
        expect(await collect(splitLines(chunksOf(bytes, cuts), 10_000))).toEqual(lines);
      },
    ),
  );
});

test("a line beyond the bound and bytes that are not UTF-8 are errors", async () => {
  const long = Buffer.from(`ok\n${"x".repeat(101)}\n`);
  await expect(collect(splitLines(chunksOf(long, [50]), 100))).rejects.toThrow(LineTooLongError);
  await expect(
    collect(splitLines(chunksOf(Buffer.from([0x22, 0xff, 0x22, 0x0a]), []), 100)),
  ).rejects.toThrow(TypeError);
});
