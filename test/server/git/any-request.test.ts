/** Whatever a client sends before its pack is a request, or refused as none. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { FLUSH, PktReader, pktLine, ProtocolError } from "../../../src/server/git/pkt-line.ts";
import { parsePushOptions } from "../../../src/server/git/push-options.ts";
import { readReceiveRequest } from "../../../src/server/git/receive-request.ts";

/** The bytes as a network might cut them. */
async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const cut of cuts.map((part) => part % (bytes.length + 1)).sort((a, b) => a - b)) {
    yield bytes.subarray(at, cut);
    at = Math.max(at, cut);
  }
  yield await Promise.resolve(bytes.subarray(at));
}
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

test("lines come out as they went in, wherever they are cut, and the rest behind them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), bytes, cuts, async (lines, rest, at) => {
      const sent = Buffer.concat([...lines.map((line) => pktLine(line)), FLUSH, rest]);
      const reader = new PktReader(inPieces(sent, at));
      for (const line of lines) expect(await reader.line()).toEqual(line);
      expect(await reader.line()).toBe("flush");
      const left: Buffer[] = [];
      for await (const piece of reader.rest()) left.push(piece);
      expect(Buffer.concat(left)).toEqual(rest);
    }),
    { numRuns: 300 },
  );
});

const ID = fc.stringMatching(/^[0-9a-f]{40}$/);
const command = fc
  .tuple(ID, ID, fc.string({ unit: "binary", maxLength: 40 }))
  .map((parts) => Buffer.from(parts.join(" ")));
const word = fc.constantFrom("report-status", "push-options", "atomic", "\0", " ", "__proto__");
const request = fc
  .tuple(
    fc.array(fc.oneof(command, bytes), { maxLength: 5 }),
    fc.array(word, { maxLength: 4 }),
    fc.array(bytes, { maxLength: 3 }),
    bytes,
  )
  .map(([commands, words, options, tail]) =>
    Buffer.concat([
      ...commands.map((line, at) =>
        pktLine(at === 0 ? Buffer.concat([line, Buffer.from(`\0${words.join(" ")}`)]) : line),
      ),
      FLUSH,
      ...options.map((option) => pktLine(option)),
      tail,
    ]),
  );

test("any bytes are a request or a ProtocolError; no ref of it is an option or leaves its folder", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(request, bytes), cuts, async (sent, at) => {
      try {
        const read = await readReceiveRequest(new PktReader(inPieces(sent, at)));
        for (const { ref, before, after, problem } of read?.commands ?? []) {
          taken++;
          expect(`${before}${after}`).toMatch(/^[0-9a-f]{80}$/);
          if (problem === undefined) expect(ref).toMatch(/^refs\/[^-/.][^/]*\/[^-/.]/);
          if (problem === undefined) expect(ref).not.toMatch(/\.\.|[\p{Cc} ~^:?*[\\]/u);
        }
        expect(typeof parsePushOptions(read?.options ?? [])).toMatch(/^(object|string)$/);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { numRuns: 1_000 },
  );
  expect(taken).toBeGreaterThan(50);
});

test("push options are the two that there are, or said to be none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom("dry-run", "no-wait"), fc.string()), { maxLength: 5 }),
      (options) => {
        const parsed = parsePushOptions(options);
        const known = options.every((option) => option === "dry-run" || option === "no-wait");
        if (!known) expect(parsed).toMatch(/^unknown push option .{0,650}: there are/);
        else
          expect(parsed).toEqual({
            dryRun: options.includes("dry-run"),
            noWait: options.includes("no-wait"),
          });
      },
    ),
  );
});
