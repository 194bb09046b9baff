/**
 * The server's end of a SPDY/3.1 connection, as far as Kubernetes uses it: the client opens streams,
 * both ends write to them. The bytes come over a socket, or in the messages of a WebSocket.
 *
 * Flow control: clients (moby/spdystream) neither send nor heed windows, so none limits what is
 * sent; what is received is announced as consumed, for a client that counts. A stream that is not
 * read stops the reading of the whole connection once its buffer is full.
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { encodeFrame, type Frame, FrameReader, RST, SpdyError } from "./frames.ts";
import { HeaderBlockReader, HeaderBlockWriter, type Headers } from "./header-blocks.ts";
import { SpdyStream } from "./spdy-stream.ts";

export interface SpdyConnectionOptions {
  /** Streams open at the same time; more are refused. */
  readonly maxStreams: number;
  /** The client opened a stream. */
  readonly onStream: (stream: SpdyStream) => void;
  /** Called with data of either end, for idle time. */
  readonly onActivity?: () => void;
}

/** More than all streams of a busy port-forward have under way. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const GOAWAY_OK = 0;
const GOAWAY_PROTOCOL_ERROR = 1;

export class SpdyConnection {
  /** Resolves when the connection is over, whatever ended it; with what the client did wrong. */
  readonly closed: Promise<Error | undefined>;
  readonly #transport: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #blocks = new HeaderBlockReader();
  readonly #replies = new HeaderBlockWriter();
  #lastStreamId = 0;

  constructor(transport: Duplex, options: SpdyConnectionOptions) {
    this.#transport = transport;
    this.#options = options;
    transport.on("error", () => undefined);
    this.closed = this.#serve();
  }

  /** Says goodbye and closes once all that was written is sent. */
  close(): void {
    if (this.#transport.destroyed || this.#transport.writableEnded) return;
    this.#write({ type: "GOAWAY", lastStreamId: this.#lastStreamId, status: GOAWAY_OK });
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  async #serve(): Promise<Error | undefined> {
    const reader = new FrameReader();
    const gone = new Promise<"gone">((resolve) =>
      this.#transport.once("close", () => resolve("gone")),
    );
    // A stream that nobody reads must not hide the end of the connection.
    void gone.then(() => this.#destroyStreams());
    try {
      for await (const chunk of this.#transport.iterator({ destroyOnReturn: false })) {
        for (const frame of reader.read(chunk as Buffer)) {
          await this.#handle(frame);
          // A client that asks and does not read the answers is not to fill the memory.
          if (this.#transport.writableLength > MAX_UNSENT_BYTES)
            await Promise.race([gone, once(this.#transport, "drain")]);
        }
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof SpdyError)) return undefined;
      this.#write({
        type: "GOAWAY",
        lastStreamId: this.#lastStreamId,
        status: GOAWAY_PROTOCOL_ERROR,
      });
      return error;
    } finally {
      this.#destroyStreams();
      this.#blocks.close();
      this.#transport.end(() => this.#transport.destroy());
    }
  }

  #destroyStreams(): void {
    for (const stream of this.#streams.values()) stream.destroy();
  }

  async #handle(frame: Frame): Promise<void> {
    switch (frame.type) {
      case "SYN_STREAM":
        return this.#open(frame.streamId, await this.#blocks.read(frame.block), frame.fin);
      case "SYN_REPLY":
      case "HEADERS":
        // The compression goes on through blocks that are of no use.
        await this.#blocks.read(frame.block);
        return;
      case "DATA": {
        this.#options.onActivity?.();
        const stream = this.#streams.get(frame.streamId);
        if (stream !== undefined) return stream.receive(frame.data, frame.fin);
        if (frame.streamId > this.#lastStreamId) this.#reset(frame.streamId, RST.invalidStream);
        return;
      }
      case "RST_STREAM":
        this.#forget(frame.streamId)?.destroy();
        return;
      case "PING":
        // Odd numbers are the client's own pings.
        if (frame.id % 2 === 1) this.#write(frame);
        return;
      case "GOAWAY":
      case "SETTINGS":
      case "WINDOW_UPDATE":
        return;
    }
  }

  #open(id: number, headers: Headers, fin: boolean): void {
    if (id % 2 === 0 || id <= this.#lastStreamId)
      throw new SpdyError(`stream ${id} cannot be opened after ${this.#lastStreamId}`);
    this.#lastStreamId = id;
    if (this.#streams.size >= this.#options.maxStreams) {
      this.#reset(id, RST.refusedStream);
      return;
    }
    const stream = new SpdyStream(id, headers, {
      send: (data, isLast, callback) => this.#send(id, data, isLast, callback),
      consumed: (delta) => {
        this.#write({ type: "WINDOW_UPDATE", streamId: id, delta });
        this.#write({ type: "WINDOW_UPDATE", streamId: 0, delta });
      },
      ended: (isWhole) => {
        const isKnown = this.#forget(id) !== undefined;
        if (isKnown && !isWhole) this.#reset(id, RST.cancel);
      },
    });
    this.#streams.set(id, stream);
    const block = this.#replies.write(new Map());
    this.#write({ type: "SYN_REPLY", streamId: id, block, fin: false });
    this.#options.onStream(stream);
    if (fin) void stream.receive(Buffer.alloc(0), true);
  }

  #forget(id: number): SpdyStream | undefined {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    return stream;
  }

  #reset(streamId: number, status: number): void {
    this.#write({ type: "RST_STREAM", streamId, status });
  }

  #write(frame: Exclude<Frame, { type: "SETTINGS" }>): void {
    if (this.#transport.writable) this.#transport.write(encodeFrame(frame));
  }

  /** Calls back when the transport has room again. */
  #send(
    streamId: number,
    data: Buffer,
    fin: boolean,
    callback: (error?: Error | null) => void,
  ): void {
    if (!this.#transport.writable) {
      callback(new Error("the connection is closed"));
      return;
    }
    this.#options.onActivity?.();
    this.#transport.write(encodeFrame({ type: "DATA", streamId, data, fin }), callback);
  }
}
