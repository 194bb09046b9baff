/** One stream of a SPDY connection as a stream of Node.js: reads what the client sends, writes to it. */
import { Duplex } from "node:stream";
import type { Headers } from "./header-blocks.ts";

/** What a stream holds until it is read; then the whole connection waits, for peers heed no windows. */
const MAX_HELD_BYTES = 256 * 1024;

export interface StreamLink {
  send(data: Buffer, fin: boolean, callback: (error?: Error | null) => void): void;
  /** Bytes were taken out: the peer may send as many again. */
  consumed(bytes: number): void;
  /** Neither end wants the stream any more, or this one gave it up. */
  ended(isWhole: boolean): void;
}

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: Headers;
  readonly #link: StreamLink;
  #onRoom: () => void = () => undefined;
  #hasAllInput = false;
  #hasSentAll = false;

  constructor(id: number, headers: Headers, link: StreamLink) {
    super({ allowHalfOpen: true, readableHighWaterMark: MAX_HELD_BYTES });
    this.id = id;
    this.headers = headers;
    this.#link = link;
    // A stream that breaks concerns its user, who sees it closed; it must not end the server.
    this.on("error", () => undefined);
  }

  /** Resolves when there is room for more. */
  async receive(data: Buffer, fin: boolean): Promise<void> {
    if (this.destroyed || this.#hasAllInput) return;
    let hasRoom = true;
    if (data.length > 0) {
      hasRoom = this.push(data);
      this.#link.consumed(data.length);
    }
    if (fin) {
      this.#hasAllInput = true;
      this.push(null);
      this.#checkEnd();
      return;
    }
    if (hasRoom) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }

  override _read(): void {
    this.#onRoom();
  }

  override _write(
    chunk: Buffer,
    _: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.#link.send(chunk, false, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#hasSentAll = true;
    this.#link.send(Buffer.alloc(0), true, (error) => {
      this.#checkEnd();
      callback(error);
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#onRoom();
    this.#link.ended(this.#hasAllInput && this.#hasSentAll);
    callback(error);
  }

  #checkEnd(): void {
    if (this.#hasAllInput && this.#hasSentAll) this.#link.ended(true);
  }
}
