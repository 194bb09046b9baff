/**
 * Header blocks of SPDY/3 (§2.6.10): name-value pairs, and one zlib stream per direction through
 * all blocks of a connection.
 */
import { constants, createInflate, type Inflate } from "node:zlib";
import { SPDY_DICTIONARY } from "./dictionary.ts";
import { SpdyError } from "./frames.ts";

/** Names are in lower case. */
export type Headers = ReadonlyMap<string, string>;

/** Unpacked; a stream of Kubernetes has four short pairs. Bounds what compressed zeros become. */
const MAX_BLOCK_BYTES = 64 * 1024;
const MAX_PAIRS = 64;

/** Reads the blocks of one connection, in the order in which they came. */
export class HeaderBlockReader {
  readonly #inflate: Inflate;
  #pieces: Buffer[] = [];
  #sizeBytes = 0;
  #failure: Error | undefined;
  #onFailure: (error: Error) => void = () => undefined;

  constructor() {
    this.#inflate = createInflate({
      dictionary: SPDY_DICTIONARY,
      flush: constants.Z_SYNC_FLUSH,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    this.#inflate.on("data", (piece: Buffer) => {
      this.#sizeBytes += piece.length;
      if (this.#sizeBytes > MAX_BLOCK_BYTES)
        this.#inflate.destroy(
          new SpdyError(`a header block is larger than ${MAX_BLOCK_BYTES} bytes`),
        );
      else this.#pieces.push(piece);
    });
    this.#inflate.on("error", (error: Error) => {
      this.#failure = error;
      this.#onFailure(error);
    });
  }

  /** Rejects with `SpdyError`. Not to be called again before it has settled. */
  async read(block: Buffer): Promise<Headers> {
    this.#pieces = [];
    this.#sizeBytes = 0;
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      // What was unpacked may be handed out in the ticks after the call-back.
      else this.#inflate.write(block, () => setImmediate(resolve));
    }).catch((cause: unknown) => {
      throw cause instanceof SpdyError
        ? cause
        : new SpdyError("a header block cannot be unpacked", { cause });
    });
    return parsePairs(Buffer.concat(this.#pieces));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** Throws `SpdyError`. */
export function parsePairs(bytes: Buffer): Headers {
  let offset = 0;
  const number = (): number => {
    if (offset + 4 > bytes.length) throw new SpdyError("a header block ends too early");
    const value = bytes.readUInt32BE(offset);
    offset += 4;
    return value;
  };
  const text = (): string => {
    const length = number();
    if (length > bytes.length - offset) throw new SpdyError("a header block ends too early");
    const value = bytes.toString("utf8", offset, offset + length);
    offset += length;
    return value;
  };
  const count = number();
  if (count > MAX_PAIRS) throw new SpdyError(`a header block has more than ${MAX_PAIRS} names`);
  const headers = new Map<string, string>();
  for (let pair = 0; pair < count; pair++) headers.set(text().toLowerCase(), text());
  return headers;
}

export function encodePairs(headers: Headers): Buffer {
  const sized = (text: string): Buffer => {
    const value = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return Buffer.concat([length, value]);
  };
  const count = Buffer.alloc(4);
  count.writeUInt32BE(headers.size);
  return Buffer.concat([
    count,
    ...[...headers].flatMap(([name, value]) => [sized(name), sized(value)]),
  ]);
}

/** Of the zlib stream: deflate with a window of 32 KiB, no dictionary. */
const ZLIB_HEADER = Buffer.of(0x78, 0x01);
/** An empty block: readers give out what they have when it comes. */
const SYNC = Buffer.of(0, 0, 0, 0xff, 0xff);

/** Writes blocks that are not compressed, which a zlib stream may have: replies are short and rare. */
export class HeaderBlockWriter {
  #isFirst = true;

  write(headers: Headers): Buffer {
    const pairs = encodePairs(headers);
    const start = Buffer.alloc(5);
    start.writeUInt16LE(pairs.length, 1);
    start.writeUInt16LE(~pairs.length & 0xff_ff, 3);
    const block = [...(this.#isFirst ? [ZLIB_HEADER] : []), start, pairs, SYNC];
    this.#isFirst = false;
    return Buffer.concat(block);
  }
}
