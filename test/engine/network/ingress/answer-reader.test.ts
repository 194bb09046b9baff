/** Answers of backends, however their bytes are cut, and what is no answer. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnswerError, AnswerReader } from "../../../../src/engine/network/ingress/answer-reader.ts";

interface Read {
  readonly status: number | undefined;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[] | undefined;
  readonly isDone: boolean;
  readonly keepsAlive: boolean;
  readonly rest: string;
}
function read(pieces: readonly Buffer[], method = "GET"): Read {
  const reader = new AnswerReader();
  reader.start(method);
  let status: number | undefined;
  let headers: readonly string[] = [];
  let trailers: readonly string[] | undefined;
  let body = "";
  let rest = "";
  for (const piece of pieces) {
    // The socket's buffer is used again: what is kept has to be a copy.
    const bytes = Buffer.from(piece);
    const left = reader.feed(bytes, {
      head: (head) => ({ status, headers } = head),
      data: (part) => (body += part.toString("latin1")),
      end: (fields) => (trailers = fields),
    });
    rest += left.toString("latin1");
    bytes.fill(0);
  }
  const { isDone, keepsAlive } = reader;
  return { status, headers, body, trailers, isDone, keepsAlive, rest };
}
const bytesOf = (text: string) => Buffer.from(text, "latin1");
const readText = (text: string, method?: string) => read([bytesOf(text)], method);

test.each([
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true, true],
  [
    "chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    "hello",
    true,
    true,
  ],
  ["neither", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", false, false],
  ["a close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "", true, false],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", true, false],
  [
    "HTTP/1.0 that keeps",
    "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
    "",
    true,
    true,
  ],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n", "", true, true],
  ["304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", true, true],
  [
    "interim answers",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
    "!",
    true,
    true,
  ],
  ["no words", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", true, true],
])("reads %s", (_what, text, body, isDone, keepsAlive) => {
  expect(readText(text)).toMatchObject({ body, isDone, keepsAlive, rest: "" });
});

test("the answer to HEAD has no body, whatever its length", () => {
  const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  expect(readText(text, "HEAD")).toMatchObject({ isDone: true, body: "" });
});

test("trailers come apart from headers", () => {
  const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 7\r\nY: z\r\n\r\n";
  expect(readText(text)).toMatchObject({ trailers: ["X-Sum", "7", "Y", "z"], isDone: true });
});

test("what follows an answer is not part of it", () => {
  const text = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nfirst";
  expect(readText(text)).toMatchObject({ status: 101, isDone: true, rest: "first" });
});

test.each([
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"],
  [
    "a length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
  ["a folded header", "HTTP/1.1 200 OK\r\nX: y\r\n z: 1\r\n\r\n"],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n"],
  ["a bare line feed", "HTTP/1.1 200 OK\r\nX: y\nZ: w\r\n\r\n"],
  ["another version", "HTTP/2.0 200 OK\r\n\r\n"],
  ["no number", "HTTP/1.1 abc OK\r\n\r\n"],
  ["a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
  ["a chunk that is too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n"],
  ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`],
  [
    "a size without end",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(5_000)}`,
  ],
  ["interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(20)],
])("refuses %s", (_what, text) => {
  expect(() => readText(text)).toThrow(AnswerError);
});

describe("however the bytes are cut", () => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
  ];
  test.each(answers)("%j is read the same", (text) => {
    const whole = readText(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), (cuts) => {
        const ends = [...cuts, text.length].toSorted((a, b) => a - b);
        let from = 0;
        const pieces = ends.map((end) => bytesOf(text.slice(from, (from = end))));
        expect(read(pieces)).toEqual(whole);
      }),
    );
  });

  test("any bytes are an answer, a beginning of one, or an AnswerError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isPrefixed) => {
        const start = isPrefixed ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : "";
        try {
          read([Buffer.concat([bytesOf(start), bytes])]);
        } catch (error) {
          expect(error).toBeInstanceOf(AnswerError);
        }
      }),
    );
  });
});
