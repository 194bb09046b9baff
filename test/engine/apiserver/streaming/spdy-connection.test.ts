import { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  RST,
} from "../../../../src/engine/apiserver/streaming/spdy/frames.ts";
import {
  HeaderBlockWriter,
  type Headers,
} from "../../../../src/engine/apiserver/streaming/spdy/header-blocks.ts";
import { SpdyConnection } from "../../../../src/engine/apiserver/streaming/spdy/spdy-connection.ts";
import type { SpdyStream } from "../../../../src/engine/apiserver/streaming/spdy/spdy-stream.ts";

/** Two ends: what one writes the other reads. */
function wire(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number): Duplex =>
    new Duplex({
      read: () => undefined,
      write(chunk, _, callback) {
        ends[other]?.push(chunk);
        callback();
      },
      final(callback) {
        ends[other]?.push(null);
        callback();
      },
    });
  ends.push(make(1), make(0));
  return ends as [Duplex, Duplex];
}

class Client {
  readonly end: Duplex;
  readonly streams: SpdyStream[] = [];
  readonly frames: Frame[] = [];
  readonly connection: SpdyConnection;
  readonly #blocks = new HeaderBlockWriter();

  constructor(maxStreams = 10) {
    const [server, client] = wire();
    this.end = client;
    const reader = new FrameReader();
    client.on("data", (chunk: Buffer) => this.frames.push(...reader.read(chunk)));
    this.connection = new SpdyConnection(server, {
      maxStreams,
      onStream: (stream) => this.streams.push(stream),
    });
  }

  send(...frames: readonly Exclude<Frame, { type: "SETTINGS" }>[]): void {
    for (const frame of frames) this.end.write(encodeFrame(frame));
  }
  open(streamId: number, headers: Headers = new Map()): void {
    this.send({ type: "SYN_STREAM", streamId, block: this.#blocks.write(headers), fin: false });
  }
  has(frame: Partial<Frame>): Promise<void> {
    return vi.waitFor(() => expect(this.frames).toContainEqual(expect.objectContaining(frame)));
  }
}

describe("a SPDY connection", () => {
  test("carries streams both ways, each with its own end", async () => {
    const client = new Client();
    client.open(1, new Map([["streamtype", "data"]]));
    client.open(3);
    await client.has({ type: "SYN_REPLY", streamId: 3 });
    const [data, other] = client.streams;
    expect(data?.headers.get("streamtype")).toBe("data");
    client.send({ type: "DATA", streamId: 1, data: Buffer.from("hello"), fin: true });
    const read: Buffer[] = [];
    data?.on("data", (chunk: Buffer) => read.push(chunk));
    await vi.waitFor(() => expect(data?.readableEnded).toBe(true));
    expect(Buffer.concat(read).toString()).toBe("hello");
    data?.end("answer");
    await client.has({ type: "DATA", streamId: 1, data: Buffer.from("answer") });
    await client.has({ type: "DATA", streamId: 1, fin: true });
    expect(other?.destroyed).toBe(false);
    client.send({ type: "RST_STREAM", streamId: 3, status: RST.cancel });
    await vi.waitFor(() => expect(other?.destroyed).toBe(true));
    client.connection.close();
    await client.has({ type: "GOAWAY", status: 0 });
  });

  test("answers pings, and refuses streams beyond its limit", async () => {
    const client = new Client(1);
    client.send({ type: "PING", id: 5 });
    await client.has({ type: "PING", id: 5 });
    client.open(1);
    client.open(3);
    await client.has({ type: "RST_STREAM", streamId: 3, status: RST.refusedStream });
    expect(client.streams).toHaveLength(1);
    client.send({ type: "DATA", streamId: 9, data: Buffer.from("x"), fin: false });
    await client.has({ type: "RST_STREAM", streamId: 9, status: RST.invalidStream });
  });

  test("ends with a GOAWAY for who breaks the rules, and its streams with it", async () => {
    const client = new Client();
    client.open(3);
    await client.has({ type: "SYN_REPLY", streamId: 3 });
    client.open(1);
    expect(await client.connection.closed).toBeInstanceOf(Error);
    await client.has({ type: "GOAWAY", status: 1 });
    expect(client.streams[0]?.destroyed).toBe(true);
  });

  test("stops reading while a stream is full, and goes on when it is read", async () => {
    const client = new Client();
    client.open(1);
    await client.has({ type: "SYN_REPLY", streamId: 1 });
    const data = Buffer.alloc(64 * 1024);
    for (let index = 0; index < 20; index++)
      client.send({ type: "DATA", streamId: 1, data, fin: false });
    client.send({ type: "PING", id: 1 });
    const [stream] = client.streams;
    await vi.waitFor(() => expect(stream?.readableLength).toBeGreaterThanOrEqual(256 * 1024));
    // What is behind it waits, too.
    expect(client.frames.some(({ type }) => type === "PING")).toBe(false);
    expect(stream?.readableLength).toBeLessThan(512 * 1024);
    stream?.resume();
    await client.has({ type: "PING", id: 1 });
  });

  test("survives whatever is sent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 })), async (chunks) => {
        const client = new Client();
        for (const chunk of chunks) client.end.write(Buffer.from(chunk));
        client.end.end();
        await client.connection.closed;
        for (const stream of client.streams) expect(stream.destroyed).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
