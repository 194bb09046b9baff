/**
 * Reads what decides the framing of an HTTP/1.x message from its head (RFC 9112). Strict where two
 * readers could disagree: what is ambiguous is refused, so that nobody smuggles a request past the
 * proxy. One pass over the text, nothing allocated for headers that do not matter. Pure.
 */

/**
 * foreign: no HTTP/1.x at all. malformed: HTTP/1.x that readers could take differently. too-long:
 * over a limit. unsupported: a coding that this proxy cannot find the end of.
 */
export type FramingProblem = "foreign" | "malformed" | "too-long" | "unsupported";

/** The bytes are not HTTP/1.x that has one reading only. */
export class FramingError extends Error {
  override readonly name = "FramingError";
  readonly problem: FramingProblem;
  constructor(message: string, problem: FramingProblem = "malformed") {
    super(message);
    this.problem = problem;
  }
}

export interface FramingFields {
  /** -1 when there is none. */
  contentLength: number;
  chunked: boolean;
  /** `Connection` options. */
  close: boolean;
  keepAlive: boolean;
  /** Asks to leave HTTP/1.1, with both headers that this takes. */
  upgrade: boolean;
}

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const DELETE = 127;

/** RFC 9110 §5.6.2. */
const TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  TOKEN[character.charCodeAt(0)] = 1;

export function isTokenCode(code: number): boolean {
  return TOKEN[code] === 1;
}

/**
 * `text`: the head without its final empty line, as latin1. `from`: where the first header begins.
 * @throws FramingError for folded lines, white space before a colon, stray control characters,
 * several or contradicting lengths, both kinds of length, codings other than a final `chunked`
 */
export function scanHeaders(text: string, from: number): FramingFields {
  const fields: FramingFields = {
    contentLength: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgrade: false,
  };
  let asksUpgrade = false;
  let namesUpgrade = false;
  let at = from;
  while (at < text.length) {
    const colon = nameEnd(text, at);
    const end = valueEnd(text, colon + 1);
    // Only names of these lengths matter: all others are passed over unread.
    switch (colon - at) {
      case 7:
        if (named(text, at, colon, "upgrade")) namesUpgrade = true;
        break;
      case 10:
        if (named(text, at, colon, "connection"))
          for (const option of valueOf(text, colon, end).toLowerCase().split(",")) {
            const word = option.trim();
            if (word === "close") fields.close = true;
            else if (word === "keep-alive") fields.keepAlive = true;
            else if (word === "upgrade") asksUpgrade = true;
          }
        break;
      case 14:
        if (named(text, at, colon, "content-length")) readLength(fields, valueOf(text, colon, end));
        break;
      case 17:
        if (named(text, at, colon, "transfer-encoding"))
          readCoding(fields, valueOf(text, colon, end));
        break;
    }
    at = end + 2;
  }
  if (fields.chunked && fields.contentLength >= 0)
    throw new FramingError("both Content-Length and Transfer-Encoding");
  fields.upgrade = asksUpgrade && namesUpgrade;
  return fields;
}

function nameEnd(text: string, from: number): number {
  let at = from;
  while (isTokenCode(text.charCodeAt(at))) at++;
  if (at === from || text.charCodeAt(at) !== COLON) throw new FramingError("bad header line");
  return at;
}

/** Where the line ends: at a CR LF, or at the end of the text. */
function valueEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= SPACE ? code !== DELETE : code === TAB) continue;
    if (code === CR && text.charCodeAt(at + 1) === LF) return at;
    throw new FramingError("control character in a header");
  }
  return text.length;
}

const named = (text: string, from: number, to: number, name: string): boolean =>
  text.slice(from, to).toLowerCase() === name;
const valueOf = (text: string, colon: number, end: number): string =>
  text.slice(colon + 1, end).trim();

function readLength(fields: FramingFields, value: string): void {
  if (fields.contentLength >= 0) throw new FramingError("several Content-Length");
  if (!/^[0-9]{1,15}$/.test(value)) throw new FramingError("bad Content-Length");
  fields.contentLength = Number(value);
}

function readCoding(fields: FramingFields, value: string): void {
  if (fields.chunked) throw new FramingError("several Transfer-Encoding");
  if (value.toLowerCase() !== "chunked")
    throw new FramingError("unknown Transfer-Encoding", "unsupported");
  fields.chunked = true;
}
