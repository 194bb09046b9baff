/**
 * Finds where HTTP/1.x messages begin and end in a byte stream (RFC 9112 §6), without changing a
 * byte. Knowing the boundaries is what lets the proxy move a connection to another endpoint between
 * two requests. Pure.
 */
import { BodyReader } from "./http-body.ts";
import { type FramingFields, FramingError, isTokenCode, scanHeaders } from "./http-head.ts";

/** Longest start line plus headers that is read. */
export const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) [\x21-\x7e\x80-\xff]+ HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;

/** Reads one message at a time; `reset` before the next. */
abstract class MessageReader {
  /** The head was read: the subclass's fields hold. */
  headDone = false;
  protected readonly body = new BodyReader();
  #partial: Buffer | undefined;

  /** The message is complete. */
  get done(): boolean {
    return this.headDone && this.body.done;
  }
  /** Whether any byte of the current message was seen. */
  get started(): boolean {
    return this.headDone || this.#partial !== undefined;
  }

  reset(): void {
    this.headDone = false;
    this.#partial = undefined;
  }

  /**
   * Returns where in `bytes` the message ends, or their length when it goes on.
   * @throws FramingError
   */
  feed(bytes: Buffer, from = 0): number {
    let at = from;
    while (!this.headDone) {
      if (at >= bytes.length) return at;
      at = this.#feedHead(bytes, at);
    }
    return this.body.feed(bytes, at);
  }

  /** `line`: the start line. Returns false when another head follows (1xx responses). */
  protected abstract begin(line: string, readFields: () => FramingFields): boolean;
  /** Told of an incomplete head, to find out early that it will never be one. */
  protected abstract checkPartial(text: () => string): void;

  #feedHead(bytes: Buffer, from: number): number {
    const before = this.#partial?.length ?? 0;
    const joined =
      this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes.subarray(from)]);
    const start = this.#partial === undefined ? from : 0;
    const end = joined.indexOf(HEAD_END, Math.max(start, before - 3));
    if (end < 0 || end - start > MAX_HEAD_BYTES) {
      if (joined.length - start > MAX_HEAD_BYTES)
        throw new FramingError("message head too long", "too-long");
      this.checkPartial(() => joined.toString("latin1", start));
      this.#partial = Buffer.from(joined.subarray(start));
      return bytes.length;
    }
    this.#partial = undefined;
    const text = joined.toString("latin1", start, end);
    const lineEnd = text.indexOf("\r\n");
    const line = lineEnd < 0 ? text : text.slice(0, lineEnd);
    const headersFrom = lineEnd < 0 ? text.length : lineEnd + 2;
    this.headDone = this.begin(line, () => scanHeaders(text, headersFrom));
    return from + (end - start) + HEAD_END.length - before;
  }
}

/** Reads requests. A FramingError of kind `foreign` says that this is another protocol. */
export class RequestReader extends MessageReader {
  method = "GET";
  /** Asks to leave HTTP/1.1: WebSocket and the like, or CONNECT. */
  upgrade = false;

  protected override begin(line: string, readFields: () => FramingFields): boolean {
    const start = REQUEST_LINE.exec(line);
    const method = start?.[1];
    if (method === undefined) throw new FramingError("not an HTTP/1.x request line", "foreign");
    const fields = readFields();
    if (fields.chunked && start?.[2] === "0")
      throw new FramingError("Transfer-Encoding in an HTTP/1.0 request");
    this.method = method;
    this.upgrade = method === "CONNECT" || fields.upgrade;
    if (fields.chunked) this.body.begin("chunked");
    else if (fields.contentLength >= 0) this.body.begin("length", fields.contentLength);
    else this.body.begin("none");
    return true;
  }

  /** Another protocol may not send more until it is answered. */
  protected override checkPartial(text: () => string): void {
    const head = text();
    if (!isTokenCode(head.charCodeAt(0))) throw new FramingError("no request", "foreign");
    const newline = head.indexOf("\n");
    if (newline < 0) return;
    const line = head.slice(0, newline).replace(/\r$/, "");
    if (!REQUEST_LINE.test(line)) throw new FramingError("no request line", "foreign");
    if (/(?:^|[^\r])\n/.test(head)) throw new FramingError("line that ends without CR");
  }
}

/** Reads responses; `requestMethod` decides whether there is a body (RFC 9112 §6.3). */
export class ResponseReader extends MessageReader {
  requestMethod = "GET";
  status = 0;
  /** The sender closes the connection after this message. */
  close = false;

  protected override begin(line: string, readFields: () => FramingFields): boolean {
    const start = STATUS_LINE.exec(line);
    if (start?.[2] === undefined) throw new FramingError("not an HTTP/1.x status line");
    const fields = readFields();
    const status = Number(start[2]);
    if (status < 200 && status !== 101) return false;
    this.status = status;
    const isBodyless =
      this.requestMethod === "HEAD" || status === 101 || status === 204 || status === 304;
    let isUnbounded = false;
    if (isBodyless) this.body.begin("none");
    else if (fields.chunked) this.body.begin("chunked");
    else if (fields.contentLength >= 0) this.body.begin("length", fields.contentLength);
    else {
      this.body.begin("until-close");
      isUnbounded = true;
    }
    this.close = isUnbounded || fields.close || (start[1] === "0" && !fields.keepAlive);
    return true;
  }

  protected override checkPartial(): void {
    // Whatever an endpoint sends is passed on: there is nothing to find out early.
  }
}
