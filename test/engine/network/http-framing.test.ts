import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RequestReader, ResponseReader } from "../../../src/engine/network/http-framing.ts";
import { FramingError } from "../../../src/engine/network/http-head.ts";

/** Feeds pieces cut at `cuts` and returns where each message ended in the whole stream. */
function boundaries(stream: Buffer, cuts: readonly number[]): number[] {
  const reader = new RequestReader();
  const ends: number[] = [];
  const edges = [...new Set([0, ...cuts.map((cut) => cut % stream.length), stream.length])].sort(
    (a, b) => a - b,
  );
  for (let index = 0; index + 1 < edges.length; index++) {
    let offset = edges[index] ?? 0;
    const end = edges[index + 1] ?? 0;
    while (offset < end) {
      offset += reader.feed(stream.subarray(offset, end));
      if (!reader.done) continue;
      ends.push(offset);
      reader.reset();
    }
  }
  return ends;
}

const request = fc.oneof(
  fc.constantFrom("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n"),
  fc
    .string({ maxLength: 40 })
    .map((body) => `POST /b HTTP/1.1\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
  fc.array(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 4 }).map((chunks) => {
    const encoded = chunks.map(
      (chunk) => `${Buffer.byteLength(chunk).toString(16)};x=1\r\n${chunk}\r\n`,
    );
    return `PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${encoded.join("")}0\r\nTrailer: t\r\n\r\n`;
  }),
);

describe("request boundaries", () => {
  test("do not depend on how the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (requests, cuts) => {
          let sum = 0;
          const expected = requests.map((text) => (sum += Buffer.byteLength(text)));
          expect(boundaries(Buffer.from(requests.join("")), cuts)).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  const post = (headers: string, body = "") => `POST / HTTP/1.1\r\n${headers}\r\n\r\n${body}`;
  const chunks = (body: string) => post("Transfer-Encoding: chunked", body);
  const problemOf = (bytes: string): string => {
    try {
      new RequestReader().feed(Buffer.from(bytes, "latin1"));
    } catch (error) {
      if (error instanceof FramingError) return error.problem;
      throw error;
    }
    return "none";
  };

  test.each([
    ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00"],
    ["a command of another protocol, complete or not", "PING\r\n"],
    ["a request line with a space at its end", "GET / HTTP/1.1 \r\n\r\n"],
    ["HTTP/0.9", "GET /\r\n"],
  ])("%s is another protocol", (_name, bytes) => {
    expect(problemOf(bytes)).toBe("foreign");
  });

  test.each([
    ["both lengths", post("Content-Length: 3\r\nTransfer-Encoding: chunked")],
    ["both lengths, the other way round", post("transfer-encoding: chunked\r\ncontent-length: 3")],
    ["two different lengths", post("Content-Length: 3\r\nContent-Length: 4")],
    ["one length twice", post("Content-Length: 3\r\nContent-Length: 3")],
    ["a list of lengths", post("Content-Length: 3, 3")],
    ["a signed length", post("Content-Length: +3")],
    ["a hexadecimal length", post("Content-Length: 0x3")],
    ["a length with a space in it", post("Content-Length: 1 2")],
    ["white space before a colon", post("Transfer-Encoding : chunked")],
    ["a tab before a colon", post("Content-Length\t: 3")],
    ["a folded line", post("X: a\r\n Transfer-Encoding: chunked")],
    ["a line that begins with white space", post(" Content-Length: 3")],
    ["a line without colon", post("Host")],
    ["an empty name", post(": x")],
    ["a bare LF that ends a line", "GET / HTTP/1.1\nHost: x\n\n"],
    ["a bare LF between headers", post("X: a\nContent-Length: 3")],
    ["a bare CR in a value", post("X: a\rContent-Length: 3")],
    ["a NUL in a value", post("X: a\0b")],
    ["a name that is no token", post("Content-Length\0: 3")],
    ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["two codings in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")],
    ["a bad chunk size", chunks("zz\r\n")],
    ["an empty chunk size", chunks("\r\n")],
    ["a signed chunk size", chunks("+5\r\n")],
    ["a chunk size with 0x", chunks("0x5\r\n")],
    ["a chunk size that overflows", chunks("fffffffffffffffff\r\n")],
    ["white space after a chunk size", chunks("5 \r\n")],
    ["a chunk line that ends without CR", chunks("5\nhello\r\n0\r\n\r\n")],
    ["a bare LF in a chunk extension", chunks("5;a\nb\r\nhello\r\n0\r\n\r\n")],
    ["a chunk longer than its size", chunks("5\r\nhello!\r\n0\r\n\r\n")],
    ["a folded trailer", chunks("0\r\n X: y\r\n\r\n")],
    ["chunks that end without CR", chunks("0\r\n\n")],
  ])("%s is refused", (_name, bytes) => {
    expect(problemOf(bytes)).toBe("malformed");
  });

  test.each([
    ["an unknown coding", post("Transfer-Encoding: xchunked")],
    ["a coding after chunked", post("Transfer-Encoding: chunked, identity")],
    ["a coding before chunked", post("Transfer-Encoding: gzip, chunked")],
    ["a coding that hides behind a control character", post("Transfer-Encoding: \x0bchunked")],
  ])("%s is not supported", (_name, bytes) => {
    expect(["unsupported", "malformed"]).toContain(problemOf(bytes));
  });

  test("what has no end is cut off", () => {
    expect(problemOf(`GET / HTTP/1.1\r\nX: ${"a".repeat(70_000)}`)).toBe("too-long");
    expect(problemOf(`${post(`X: ${"a".repeat(70_000)}`)}`)).toBe("too-long");
    expect(problemOf(chunks(`5;${"a".repeat(5_000)}`))).toBe("too-long");
    expect(problemOf(chunks(`0\r\n${"a: b\r\n".repeat(20_000)}`))).toBe("too-long");
  });

  test("no bytes whatever lead to an error of another kind, or to a boundary beyond them", () => {
    const hostile = fc.array(
      fc.oneof(
        fc.constantFrom(
          "\r\n",
          "\n",
          "\r",
          " ",
          "\t",
          ":",
          "\0",
          "0",
          "5",
          "chunked",
          "GET / HTTP/1.1\r\n",
          "Content-Length: 5\r\n",
          "Transfer-Encoding: chunked\r\n",
          ";",
          "\r\n\r\n",
        ),
        fc.string({ maxLength: 5 }),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(hostile, (pieces) => {
        const reader = new RequestReader();
        const bytes = Buffer.from(`POST / HTTP/1.1\r\n${pieces.join("")}`, "latin1");
        try {
          expect(reader.feed(bytes)).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("an upgrade is recognised", () => {
    const reader = new RequestReader();
    reader.feed(
      Buffer.from(
        "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
      ),
    );
    expect(reader).toMatchObject({ headDone: true, done: true, method: "GET", upgrade: true });
  });
});

describe("response boundaries", () => {
  const feed = (text: string, method = "GET") => {
    const reader = new ResponseReader();
    reader.requestMethod = method;
    const consumed = reader.feed(Buffer.from(text));
    const { done, status, close } = reader;
    return { consumed, done, status, close };
  };

  test("interim responses are skipped", () => {
    const text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    expect(feed(text)).toEqual({
      consumed: text.length,
      done: true,
      status: 200,
      close: false,
    });
  });
  test("HEAD, 204 and 304 have no body whatever they announce", () => {
    expect(feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").done).toBe(true);
    expect(feed("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").done).toBe(true);
    expect(feed("HTTP/1.1 204 No Content\r\n\r\n").done).toBe(true);
  });
  test("a body without length lasts until the connection closes", () => {
    expect(feed("HTTP/1.1 200 OK\r\n\r\nabc")).toMatchObject({
      done: false,
      close: true,
    });
  });
  test("HTTP/1.0 closes unless it says otherwise", () => {
    expect(feed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").close).toBe(true);
    expect(
      feed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").close,
    ).toBe(false);
  });
});
