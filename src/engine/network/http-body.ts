/** Finds the end of an HTTP/1.x body in a byte stream (RFC 9112 §6, §7.1). Keeps no byte. Pure. */
import { FramingError } from "./http-head.ts";

/** Longest chunk-size line, extensions included. */
const MAX_CHUNK_LINE_BYTES = 4 * 1024;
/** All trailers of a message together, as long as a head may be. */
const MAX_TRAILER_BYTES = 64 * 1024;
/** Chunk sizes stay whole numbers in a double: 13 hexadecimal digits are 52 bits. */
const MAX_SIZE_DIGITS = 13;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const SEMICOLON = 59;
const DELETE = 127;

type Kind = "none" | "length" | "chunked" | "until-close";
/** Where in the chunked coding the next byte is. */
type ChunkState =
  | "size"
  | "extension"
  | "size-lf"
  | "data"
  | "data-cr"
  | "data-lf"
  | "trailer-start"
  | "trailer"
  | "trailer-lf"
  | "last-lf";

export class BodyReader {
  done = true;
  #kind: Kind = "none";
  #remaining = 0;
  #state: ChunkState = "size";
  #digits = 0;
  /** Bytes of the current chunk-size line, or of all trailers. */
  #lineBytes = 0;

  /** `length` is only for a body of that kind. */
  begin(kind: Kind, length = 0): void {
    this.#kind = kind;
    this.#remaining = length;
    this.#state = "size";
    this.#digits = 0;
    this.#lineBytes = 0;
    this.done = kind === "none" || (kind === "length" && length === 0);
  }

  /** Where in `bytes` the body ends, or its length when the body goes on. */
  feed(bytes: Buffer, from: number): number {
    if (this.done) return from;
    switch (this.#kind) {
      case "none":
        return from;
      case "until-close":
        return bytes.length;
      case "length": {
        const end = this.#skip(bytes, from);
        this.done = this.#remaining === 0;
        return end;
      }
      case "chunked":
        return this.#feedChunks(bytes, from);
    }
  }

  #skip(bytes: Buffer, from: number): number {
    const taken = Math.min(this.#remaining, bytes.length - from);
    this.#remaining -= taken;
    return from + taken;
  }

  #feedChunks(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && !this.done) {
      if (this.#state === "data") {
        at = this.#skip(bytes, at);
        if (this.#remaining === 0) this.#state = "data-cr";
      } else this.#step(bytes[at++] ?? 0);
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case "size":
        this.#readSize(byte);
        return;
      case "extension":
        if (byte === CR) this.#state = "size-lf";
        else this.#readText(byte, MAX_CHUNK_LINE_BYTES);
        return;
      case "size-lf":
        expect(byte, LF, "chunk size line");
        this.#state = this.#remaining === 0 ? "trailer-start" : "data";
        this.#lineBytes = 0;
        return;
      case "data":
        return;
      case "data-cr":
        expect(byte, CR, "chunk data longer than its size");
        this.#state = "data-lf";
        return;
      case "data-lf":
        expect(byte, LF, "chunk data longer than its size");
        this.#state = "size";
        this.#digits = 0;
        return;
      case "trailer-start":
        if (byte === CR) this.#state = "last-lf";
        else if (byte === SPACE || byte === TAB) throw new FramingError("folded trailer");
        else {
          this.#state = "trailer";
          this.#readText(byte, MAX_TRAILER_BYTES);
        }
        return;
      case "trailer":
        if (byte === CR) this.#state = "trailer-lf";
        else this.#readText(byte, MAX_TRAILER_BYTES);
        return;
      case "trailer-lf":
        expect(byte, LF, "trailer line");
        this.#state = "trailer-start";
        return;
      case "last-lf":
        expect(byte, LF, "end of the chunks");
        this.done = true;
        return;
    }
  }

  #readSize(byte: number): void {
    const digit = hexValue(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw new FramingError("chunk too large");
      this.#remaining = this.#digits === 1 ? digit : this.#remaining * 16 + digit;
    } else if (this.#digits === 0) throw new FramingError("bad chunk size");
    else if (byte === CR) this.#state = "size-lf";
    else if (byte === SEMICOLON) this.#state = "extension";
    else throw new FramingError("bad chunk size");
  }

  #readText(byte: number, limit: number): void {
    if (++this.#lineBytes > limit) throw new FramingError("chunk line too long", "too-long");
    if ((byte < SPACE && byte !== TAB) || byte === DELETE)
      throw new FramingError("control character in a chunk line");
  }
}

function expect(byte: number, wanted: number, what: string): void {
  if (byte !== wanted) throw new FramingError(`bad ${what}`);
}

/** -1 for what is no digit. */
function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
