/**
 * Finds where HTTP/1.x messages begin and end in a byte stream (RFC 9112 §6), without changing a
 * byte. Knowing the boundaries is what lets the proxy move a connection to another endpoint between
 * two requests. Pure.
 */

/** Longest start line plus headers that is read; beyond it the stream is treated as opaque. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** Longest chunk-size line, extensions included. */
const MAX_CHUNK_LINE_BYTES = 4 * 1024;

export interface RequestHead {
  readonly method: string;
  /** Asks to leave HTTP/1.1: WebSocket and the like, or CONNECT. */
  readonly upgrade: boolean;
}
export interface ResponseHead {
  readonly status: number;
  /** The sender closes the connection after this message. */
  readonly close: boolean;
}

/** What a feed of bytes led to. `consumed` bytes belong to the message; what follows is the next one's. */
export interface Progress<Head> {
  readonly consumed: number;
  /** Set once, when the head is complete. */
  readonly head?: Head;
  readonly done: boolean;
}

/** The bytes are not HTTP/1.x that this parser understands. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

type Body =
  | { readonly kind: "none" }
  | { readonly kind: "length"; remaining: number }
  | { readonly kind: "until-close" }
  | {
      readonly kind: "chunked";
      remaining: number;
      state: "size" | "data" | "data-end" | "trailer";
    };

interface ParsedHead<Head> {
  readonly head: Head;
  readonly body: Body;
  /** An interim response (1xx): the real one follows. */
  readonly interim?: boolean;
}

/** Reads one message at a time; `reset` before the next. */
class MessageReader<Head> {
  #head: Buffer | undefined;
  #body: Body | undefined;
  #line: Buffer | undefined;
  readonly #parse: (lines: string[]) => ParsedHead<Head>;

  constructor(parse: (lines: string[]) => ParsedHead<Head>) {
    this.#parse = parse;
  }

  reset(): void {
    this.#head = undefined;
    this.#body = undefined;
    this.#line = undefined;
  }

  /** Whether any byte of the current message was seen. */
  get started(): boolean {
    return this.#head !== undefined || this.#body !== undefined;
  }

  feed(bytes: Buffer): Progress<Head> {
    let offset = 0;
    let head: Head | undefined;
    while (this.#body === undefined) {
      const found = this.#feedHead(bytes, offset);
      offset = found.offset;
      if (found.parsed === undefined) return { consumed: offset, done: false };
      if (found.parsed.interim !== true) {
        head = found.parsed.head;
        this.#body = found.parsed.body;
      }
    }
    const body = this.#body;
    offset = this.#feedBody(body, bytes, offset);
    const done = isComplete(body);
    return head === undefined ? { consumed: offset, done } : { consumed: offset, head, done };
  }

  #feedHead(bytes: Buffer, from: number): { offset: number; parsed?: ParsedHead<Head> } {
    if (from >= bytes.length) return { offset: from };
    const before = this.#head?.length ?? 0;
    const joined =
      this.#head === undefined
        ? bytes.subarray(from)
        : Buffer.concat([this.#head, bytes.subarray(from)]);
    const end = joined.indexOf("\r\n\r\n", Math.max(0, before - 3), "latin1");
    if (end < 0) {
      if (joined.length > MAX_HEAD_BYTES) throw new FramingError("message head too long");
      this.#head = Buffer.from(joined);
      return { offset: bytes.length };
    }
    this.#head = undefined;
    const parsed = this.#parse(joined.toString("latin1", 0, end).split("\r\n"));
    return { offset: from + end + 4 - before, parsed };
  }

  #feedBody(body: Body, bytes: Buffer, from: number): number {
    switch (body.kind) {
      case "none":
        return from;
      case "until-close":
        return bytes.length;
      case "length": {
        const taken = Math.min(body.remaining, bytes.length - from);
        body.remaining -= taken;
        return from + taken;
      }
      case "chunked":
        return this.#feedChunks(body, bytes, from);
    }
  }

  #feedChunks(body: Extract<Body, { kind: "chunked" }>, bytes: Buffer, from: number): number {
    let offset = from;
    while (offset < bytes.length && !isComplete(body)) {
      if (body.state === "data") {
        const taken = Math.min(body.remaining, bytes.length - offset);
        body.remaining -= taken;
        offset += taken;
        if (body.remaining === 0) body.state = "data-end";
        continue;
      }
      const newline = bytes.indexOf(10, offset);
      const upTo = newline < 0 ? bytes.length : newline + 1;
      const piece = bytes.subarray(offset, upTo);
      this.#line = this.#line === undefined ? piece : Buffer.concat([this.#line, piece]);
      offset = upTo;
      if (this.#line.length > MAX_CHUNK_LINE_BYTES) throw new FramingError("chunk line too long");
      if (newline < 0) {
        this.#line = Buffer.from(this.#line);
        break;
      }
      const line = this.#line.toString("latin1").replace(/\r?\n$/, "");
      this.#line = undefined;
      advanceChunk(body, line);
    }
    return offset;
  }
}

function advanceChunk(body: Extract<Body, { kind: "chunked" }>, line: string): void {
  if (body.state === "data-end") {
    if (line !== "") throw new FramingError("chunk data longer than its size");
    body.state = "size";
  } else if (body.state === "size") {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw new FramingError("bad chunk size");
    body.remaining = Number.parseInt(size, 16);
    body.state = body.remaining === 0 ? "trailer" : "data";
  } else if (line === "") {
    body.remaining = -1;
  }
}

function isComplete(body: Body): boolean {
  switch (body.kind) {
    case "none":
      return true;
    case "until-close":
      return false;
    case "length":
      return body.remaining === 0;
    case "chunked":
      return body.remaining === -1;
  }
}

interface Headers {
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  readonly connection: readonly string[];
  readonly upgrade: boolean;
}

function readHeaders(lines: readonly string[]): Headers {
  let contentLength: number | undefined;
  let chunked = false;
  let upgrade = false;
  const connection: string[] = [];
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new FramingError("bad header line");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "content-length") {
      if (!/^[0-9]{1,15}$/.test(value)) throw new FramingError("bad Content-Length");
      if (contentLength !== undefined && contentLength !== Number(value))
        throw new FramingError("contradicting Content-Length");
      contentLength = Number(value);
    } else if (name === "transfer-encoding") {
      chunked = /(?:^|,)[ \t]*chunked[ \t]*$/i.test(value);
      if (!chunked) throw new FramingError("unknown Transfer-Encoding");
    } else if (name === "connection") {
      connection.push(...value.toLowerCase().split(/[ \t]*,[ \t]*/));
    } else if (name === "upgrade") upgrade = true;
  }
  if (chunked && contentLength !== undefined)
    throw new FramingError("both Content-Length and Transfer-Encoding");
  return { contentLength, chunked, connection, upgrade };
}

function bodyOf(headers: Headers, otherwise: Body): Body {
  if (headers.chunked) return { kind: "chunked", remaining: 0, state: "size" };
  if (headers.contentLength !== undefined)
    return { kind: "length", remaining: headers.contentLength };
  return otherwise;
}

/** Reads requests. */
export class RequestReader extends MessageReader<RequestHead> {
  constructor() {
    super((lines) => {
      const start = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) \S+ HTTP\/1\.[01]$/.exec(lines[0] ?? "");
      if (start?.[1] === undefined) throw new FramingError("not an HTTP/1.x request line");
      const headers = readHeaders(lines);
      const method = start[1];
      const upgrade =
        method === "CONNECT" || (headers.upgrade && headers.connection.includes("upgrade"));
      return { head: { method, upgrade }, body: bodyOf(headers, { kind: "none" }) };
    });
  }
}

/** Reads responses; `requestMethod` decides whether there is a body (RFC 9112 §6.3). */
export class ResponseReader extends MessageReader<ResponseHead> {
  requestMethod = "GET";
  constructor() {
    super((lines) => {
      const start = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: |$)/.exec(lines[0] ?? "");
      if (start?.[2] === undefined) throw new FramingError("not an HTTP/1.x status line");
      const status = Number(start[2]);
      const headers = readHeaders(lines);
      const bodyless =
        this.requestMethod === "HEAD" || status < 200 || status === 204 || status === 304;
      const body: Body = bodyless ? { kind: "none" } : bodyOf(headers, { kind: "until-close" });
      const close =
        body.kind === "until-close" ||
        headers.connection.includes("close") ||
        (start[1] === "0" && !headers.connection.includes("keep-alive"));
      return { head: { status, close }, body, interim: status < 200 && status !== 101 };
    });
  }
}
