/**
 * Reads the answers of a backend from a connection (RFC 9112 §6): heads, bodies with their framing
 * taken off, trailers. Strict: an answer that two readers could take differently is an error, and the
 * connection with it. Pure.
 */
import type { RawHeaders } from "./request-target.ts";

/** Longest head of an answer, trailers likewise. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Longest line with the size of a chunk, extensions included. */
const MAX_CHUNK_LINE_BYTES = 4 * 1024;
/** Interim answers (1xx) before the real one; more is no server that means well. */
const MAX_INTERIM = 16;

/** The bytes are no answer of HTTP/1.x. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

export interface ReadHead {
  readonly status: number;
  readonly message: string;
  readonly headers: RawHeaders;
  readonly isAll: boolean;
}
export interface AnswerEvents {
  head(head: ReadHead): void;
  data(bytes: Buffer): void;
  end(trailers: RawHeaders): void;
}

type State =
  | "head"
  | "length"
  | "chunk-size"
  | "chunk-data"
  | "chunk-end"
  | "trailers"
  | "until-close"
  | "done";

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/;
const LENGTH = /^\d{1,15}$/;
const NONE: RawHeaders = [];

export class AnswerReader {
  #state: State = "done";
  #method = "";
  /** Of a head or line that is not complete. */
  #held: Buffer | undefined;
  #remaining = 0;
  #interim = 0;
  #keepsAlive = false;

  /** Before the answer to a request with this method. */
  start(method: string): void {
    this.#state = "head";
    this.#method = method;
    this.#held = undefined;
    this.#interim = 0;
    this.#keepsAlive = false;
  }

  get isDone(): boolean {
    return this.#state === "done";
  }
  /** After the end: whether the connection may carry another request. */
  get keepsAlive(): boolean {
    return this.#keepsAlive;
  }
  /** The answer ends with the connection. */
  get endsWithConnection(): boolean {
    return this.#state === "until-close";
  }

  /**
   * What is left once the answer is complete: after a 101 the first bytes of the new protocol.
   * @throws AnswerError
   */
  feed(bytes: Buffer, events: AnswerEvents): Buffer {
    let rest = bytes;
    while (rest.length > 0 && this.#state !== "done") rest = this.#step(rest, events);
    return rest;
  }

  #step(bytes: Buffer, events: AnswerEvents): Buffer {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes, events);
      case "until-close":
        events.data(bytes);
        return bytes.subarray(bytes.length);
      case "length":
      case "chunk-data":
        return this.#readBody(bytes, events);
      case "chunk-size":
      case "chunk-end":
        return this.#readChunkLine(bytes);
      case "trailers":
        return this.#readTrailers(bytes, events);
      case "done":
        return bytes;
    }
  }

  #readHead(bytes: Buffer, events: AnswerEvents): Buffer {
    const found = this.#until(bytes, "\r\n\r\n", MAX_HEAD_BYTES);
    if (found === undefined) return bytes.subarray(bytes.length);
    const { text, rest } = found;
    const lineEnd = text.indexOf("\r\n");
    const line = STATUS_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
    if (line?.[2] === undefined) throw new AnswerError("no status line");
    const status = Number(line[2]);
    const headers: string[] = [];
    const framing = readFields(lineEnd < 0 ? "" : text.slice(lineEnd + 2), headers);
    if (status < 200 && status !== 101) {
      if (++this.#interim > MAX_INTERIM) throw new AnswerError("too many interim answers");
      return rest;
    }
    const { chunked, length, close, keepAlive } = framing;
    this.#keepsAlive = line[1] === "1" ? !close : keepAlive;
    const isBodyless =
      this.#method === "HEAD" || status === 101 || status === 204 || status === 304;
    if (isBodyless || (!chunked && length === 0)) this.#state = "done";
    else if (chunked) this.#state = "chunk-size";
    else if (length === undefined) {
      this.#state = "until-close";
      this.#keepsAlive = false;
    } else {
      this.#state = "length";
      this.#remaining = length;
    }
    const isAll = this.#state === "done";
    events.head({ status, message: line[3] ?? "", headers, isAll });
    if (isAll && status !== 101) events.end(NONE);
    return rest;
  }

  #readBody(bytes: Buffer, events: AnswerEvents): Buffer {
    const taken = Math.min(this.#remaining, bytes.length);
    this.#remaining -= taken;
    const rest = taken === bytes.length ? EMPTY : bytes.subarray(taken);
    const isLast = this.#remaining === 0;
    const isSized = this.#state === "length";
    if (isLast) this.#state = isSized ? "done" : "chunk-end";
    events.data(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (isLast && isSized) events.end(NONE);
    return rest;
  }

  #readChunkLine(bytes: Buffer): Buffer {
    const found = this.#until(bytes, "\r\n", MAX_CHUNK_LINE_BYTES);
    if (found === undefined) return EMPTY;
    const { text, rest } = found;
    if (this.#state === "chunk-end") {
      if (text !== "") throw new AnswerError("a chunk longer than its size");
      this.#state = "chunk-size";
      return rest;
    }
    const size = CHUNK_SIZE.exec(text)?.[1];
    if (size === undefined) throw new AnswerError("no size of a chunk");
    this.#remaining = Number.parseInt(size, 16);
    this.#state = this.#remaining === 0 ? "trailers" : "chunk-data";
    return rest;
  }

  #readTrailers(bytes: Buffer, events: AnswerEvents): Buffer {
    // Most answers have none: the end is an empty line then.
    if (this.#held === undefined && bytes[0] === 13 && bytes[1] === 10) {
      this.#state = "done";
      events.end(NONE);
      return bytes.subarray(2);
    }
    if (this.#held === undefined && bytes.length === 1 && bytes[0] === 13) {
      this.#held = Buffer.from(bytes);
      return EMPTY;
    }
    if (this.#held?.length === 1 && this.#held[0] === 13 && bytes[0] === 10) {
      this.#held = undefined;
      this.#state = "done";
      events.end(NONE);
      return bytes.subarray(1);
    }
    const found = this.#until(bytes, "\r\n\r\n", MAX_HEAD_BYTES);
    if (found === undefined) return EMPTY;
    const trailers: string[] = [];
    readFields(found.text, trailers);
    this.#state = "done";
    events.end(trailers);
    return found.rest;
  }

  /** The text before the mark, and what follows it; holds the bytes while there is none. */
  #until(
    bytes: Buffer,
    mark: string,
    maxBytes: number,
  ): { readonly text: string; readonly rest: Buffer } | undefined {
    const held = this.#held;
    const joined = held === undefined ? bytes : Buffer.concat([held, bytes]);
    const from = Math.max(0, (held?.length ?? 0) - mark.length + 1);
    const end = joined.indexOf(mark, from, "latin1");
    if ((end < 0 ? joined.length : end) > maxBytes) throw new AnswerError("a line too long");
    if (end < 0) {
      // The socket's buffer is used again.
      this.#held = Buffer.from(joined);
      return undefined;
    }
    this.#held = undefined;
    return { text: joined.toString("latin1", 0, end), rest: joined.subarray(end + mark.length) };
  }
}

const EMPTY = Buffer.alloc(0);

interface Framing {
  chunked: boolean;
  length: number | undefined;
  close: boolean;
  keepAlive: boolean;
}

/** Puts names and values into `headers`; what they say of the body and of the connection. */
function readFields(text: string, headers: string[]): Framing {
  const framing: Framing = { chunked: false, length: undefined, close: false, keepAlive: false };
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\r\n", at);
    if (end < 0) end = text.length;
    const colon = text.indexOf(":", at);
    if (colon < 0 || colon > end) throw new AnswerError("a header without a colon");
    const name = text.slice(at, colon);
    if (!NAME.test(name)) throw new AnswerError("a bad name of a header");
    const value = text.slice(colon + 1, end).trim();
    if (value.includes("\n") || value.includes("\r")) throw new AnswerError("a bare line end");
    headers.push(name, value);
    // By their lengths, so that most names need not be looked at any closer.
    if (name.length === 10 || name.length === 14 || name.length === 17)
      noteFraming(name.toLowerCase(), value, framing);
    at = end + 2;
  }
  if (framing.chunked && framing.length !== undefined)
    throw new AnswerError("both Content-Length and Transfer-Encoding");
  return framing;
}

function noteFraming(name: string, value: string, framing: Framing): void {
  if (name === "content-length") {
    if (framing.length !== undefined || !LENGTH.test(value))
      throw new AnswerError("bad Content-Length");
    framing.length = Number(value);
  } else if (name === "transfer-encoding") {
    if (framing.chunked || value.toLowerCase() !== "chunked")
      throw new AnswerError("unknown Transfer-Encoding");
    framing.chunked = true;
  } else if (name === "connection") {
    const options = value.toLowerCase();
    if (/(?:^|[ \t,])close(?:$|[ \t,])/.test(options)) framing.close = true;
    if (options.includes("keep-alive")) framing.keepAlive = true;
  }
}
