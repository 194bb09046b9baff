/** Git's framing: lines with their length in front, in four hexadecimal digits (gitprotocol-common). */

/** Longest line of the protocol, its four digits included. */
export const MAX_PKT_BYTES = 65_520;
const LENGTH_DIGITS = 4;

export const FLUSH = Buffer.from("0000");

/** The peer does not speak the protocol, or says more than it may. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

export function pktLine(payload: string | Uint8Array): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  const size = bytes.length + LENGTH_DIGITS;
  if (size > MAX_PKT_BYTES) throw new ProtocolError(`a line of ${bytes.length} bytes is too long`);
  return Buffer.concat([Buffer.from(size.toString(16).padStart(LENGTH_DIGITS, "0")), bytes]);
}

/** Takes lines off the front of a stream; what follows them is then read as it is. */
export class PktReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #ahead: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** @throws ProtocolError for what is no line, `end` of the stream in between included */
  async line(): Promise<Buffer | "flush" | "end"> {
    if (!(await this.#fill(LENGTH_DIGITS))) {
      if (this.#ahead.length === 0) return "end";
      throw new ProtocolError("the request ends in the middle of a line");
    }
    const digits = this.#ahead.toString("latin1", 0, LENGTH_DIGITS);
    const size = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
    if (size === 0) {
      this.#ahead = this.#ahead.subarray(LENGTH_DIGITS);
      return "flush";
    }
    if (size < LENGTH_DIGITS || size > MAX_PKT_BYTES)
      throw new ProtocolError("the request is not in Git's line format");
    if (!(await this.#fill(size)))
      throw new ProtocolError("the request ends in the middle of a line");
    const line = this.#ahead.subarray(LENGTH_DIGITS, size);
    this.#ahead = this.#ahead.subarray(size);
    return line;
  }

  /** Everything after the last line. */
  async *rest(): AsyncGenerator<Buffer> {
    const { length } = this.#ahead;
    if (length > 0) yield this.#ahead;
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done === true) return;
      yield next.value;
    }
  }

  async #fill(size: number): Promise<boolean> {
    while (this.#ahead.length < size) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      const { value } = next;
      this.#ahead = this.#ahead.length === 0 ? value : Buffer.concat([this.#ahead, value]);
    }
    return true;
  }
}
