import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FramingError,
  RequestReader,
  ResponseReader,
} from "../../../src/engine/network/http-framing.ts";

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
      const progress = reader.feed(stream.subarray(offset, end));
      offset += progress.consumed;
      if (!progress.done) continue;
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

  test.each([
    ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["both lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["two different lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"],
    ["a signed length", "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n"],
    ["an unknown coding", "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n"],
    ["a line without colon", "GET / HTTP/1.1\r\nHost\r\n\r\n"],
    ["an endless head", `GET / HTTP/1.1\r\nX: ${"a".repeat(70_000)}`],
    ["a bad chunk size", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
  ])("%s is not taken for HTTP/1.x", (_name, bytes) => {
    expect(() => new RequestReader().feed(Buffer.from(bytes))).toThrow(FramingError);
  });

  test("an upgrade is recognised", () => {
    const progress = new RequestReader().feed(
      Buffer.from(
        "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
      ),
    );
    expect(progress.head).toEqual({ method: "GET", upgrade: true });
  });
});

describe("response boundaries", () => {
  const feed = (text: string, method = "GET") => {
    const reader = new ResponseReader();
    reader.requestMethod = method;
    return reader.feed(Buffer.from(text));
  };

  test("interim responses are skipped", () => {
    const text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    expect(feed(text)).toEqual({
      consumed: text.length,
      done: true,
      head: { status: 200, close: false },
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
      head: { close: true },
    });
  });
  test("HTTP/1.0 closes unless it says otherwise", () => {
    expect(feed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").head?.close).toBe(true);
    expect(
      feed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").head?.close,
    ).toBe(false);
  });
});
