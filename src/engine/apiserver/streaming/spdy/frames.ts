/**
 * Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00 §2.2, §2.6) as bytes. Pure; header blocks stay
 * compressed here.
 *
 *     control  1 version:15 type:16 flags:8 length:24 …    data  0 stream:31 flags:8 length:24 …
 */

export type Frame =
  | {
      readonly type: "SYN_STREAM" | "SYN_REPLY" | "HEADERS";
      readonly streamId: number;
      /** Compressed. */
      readonly block: Buffer;
      /** The sender sends no more on this stream. */
      readonly fin: boolean;
    }
  | { readonly type: "RST_STREAM"; readonly streamId: number; readonly status: number }
  | { readonly type: "SETTINGS" }
  | { readonly type: "PING"; readonly id: number }
  | { readonly type: "GOAWAY"; readonly lastStreamId: number; readonly status: number }
  | { readonly type: "WINDOW_UPDATE"; readonly streamId: number; readonly delta: number }
  /** A data frame, or a piece of one: `fin` comes with its last piece. */
  | {
      readonly type: "DATA";
      readonly streamId: number;
      readonly data: Buffer;
      readonly fin: boolean;
    };

/** The other end does not keep to the protocol: the connection cannot go on. */
export class SpdyError extends Error {
  override readonly name = "SpdyError";
}

/** §2.6.3. */
export const RST = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  streamClosed: 9,
} as const;

const HEADER_BYTES = 8;
const VERSION = 3;
/** A header block says what a stream is for in some dozens of bytes; upstream sends no more. */
const MAX_CONTROL_BYTES = 16 * 1024;
const FLAG_FIN = 1;
const TYPES = {
  1: "SYN_STREAM",
  2: "SYN_REPLY",
  3: "RST_STREAM",
  4: "SETTINGS",
  6: "PING",
  7: "GOAWAY",
  8: "HEADERS",
  9: "WINDOW_UPDATE",
} as const;

/** Bytes in, frames out. Holds at most one control frame; data is passed on in the pieces it came in. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined;

  /** Throws `SpdyError`; the reader is of no use after that. */
  *read(chunk: Buffer): Generator<Frame> {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    for (;;) {
      if (this.#data !== undefined) {
        const open = this.#data;
        const data = rest.subarray(0, open.left);
        rest = rest.subarray(data.length);
        open.left -= data.length;
        const isWhole = open.left === 0;
        if (isWhole) this.#data = undefined;
        const fin = open.fin && isWhole;
        if (data.length > 0 || fin) yield { type: "DATA", streamId: open.streamId, data, fin };
        if (!isWhole) return;
      }
      if (rest.length < HEADER_BYTES) break;
      const length = rest.readUInt32BE(4) & 0xff_ff_ff;
      const flags = rest.readUInt8(4);
      if (rest.readUInt8(0) < 0x80) {
        const streamId = rest.readUInt32BE(0);
        if (streamId === 0) throw new SpdyError("a data frame names no stream");
        this.#data = { streamId, fin: (flags & FLAG_FIN) !== 0, left: length };
        rest = rest.subarray(HEADER_BYTES);
        continue;
      }
      if (length > MAX_CONTROL_BYTES)
        throw new SpdyError(
          `a control frame of ${length} bytes is larger than ${MAX_CONTROL_BYTES}`,
        );
      if (rest.length < HEADER_BYTES + length) break;
      const frame = parseControl(rest.subarray(0, HEADER_BYTES + length), flags);
      rest = rest.subarray(HEADER_BYTES + length);
      if (frame !== undefined) yield frame;
    }
    this.#held = rest;
  }
}

/** Undefined for types of frames that later versions may have: they are to be ignored. */
function parseControl(bytes: Buffer, flags: number): Frame | undefined {
  const version = bytes.readUInt16BE(0) & 0x7f_ff;
  if (version !== VERSION) throw new SpdyError(`SPDY version ${version}, not ${VERSION}`);
  const code = bytes.readUInt16BE(2);
  const type = (TYPES as Readonly<Record<number, Frame["type"]>>)[code];
  const body = bytes.subarray(HEADER_BYTES);
  const fin = (flags & FLAG_FIN) !== 0;
  switch (type) {
    case "SYN_STREAM":
      return { type, streamId: id(body, 10, type), block: body.subarray(10), fin };
    case "SYN_REPLY":
    case "HEADERS":
      return { type, streamId: id(body, 4, type), block: body.subarray(4), fin };
    case "RST_STREAM":
      return { type, streamId: id(body, 8, type), status: body.readUInt32BE(4) };
    case "SETTINGS":
      return { type };
    case "PING":
      if (body.length !== 4) throw new SpdyError("a PING frame of the wrong size");
      return { type, id: body.readUInt32BE(0) };
    case "GOAWAY":
      if (body.length !== 8) throw new SpdyError("a GOAWAY frame of the wrong size");
      return {
        type,
        lastStreamId: body.readUInt32BE(0) & 0x7f_ff_ff_ff,
        status: body.readUInt32BE(4),
      };
    case "WINDOW_UPDATE":
      if (body.length !== 8) throw new SpdyError("a WINDOW_UPDATE frame of the wrong size");
      // Stream 0 stands for the whole connection.
      return {
        type,
        streamId: body.readUInt32BE(0) & 0x7f_ff_ff_ff,
        delta: body.readUInt32BE(4) & 0x7f_ff_ff_ff,
      };
    default:
      return undefined;
  }
}

function id(body: Buffer, minBytes: number, type: string): number {
  if (body.length < minBytes) throw new SpdyError(`a ${type} frame is too short`);
  const streamId = body.readUInt32BE(0) & 0x7f_ff_ff_ff;
  if (streamId === 0) throw new SpdyError(`a ${type} frame names no stream`);
  return streamId;
}

/** One data frame holds less than this. */
const MAX_DATA_BYTES = 0xff_ff_ff;

/** As bytes. `SETTINGS` are never sent: there is nothing to set. */
export function encodeFrame(frame: Exclude<Frame, { type: "SETTINGS" }>): Buffer {
  switch (frame.type) {
    case "DATA":
      return dataFrame(frame.streamId, frame.data, frame.fin);
    case "SYN_STREAM":
      // Between the number and the block: associated stream, priority and slot, none of them used.
      return control(1, frame.fin, [numbers(frame.streamId, 0), Buffer.alloc(2), frame.block]);
    case "SYN_REPLY":
      return control(2, frame.fin, [numbers(frame.streamId), frame.block]);
    case "HEADERS":
      return control(8, frame.fin, [numbers(frame.streamId), frame.block]);
    case "RST_STREAM":
      return control(3, false, [numbers(frame.streamId, frame.status)]);
    case "PING":
      return control(6, false, [numbers(frame.id)]);
    case "GOAWAY":
      return control(7, false, [numbers(frame.lastStreamId, frame.status)]);
    case "WINDOW_UPDATE":
      return control(9, false, [numbers(frame.streamId, frame.delta)]);
  }
}

function dataFrame(streamId: number, data: Buffer, fin: boolean): Buffer {
  if (data.length > MAX_DATA_BYTES) throw new SpdyError("too much data for one frame");
  const header = numbers(streamId, data.length);
  header.writeUInt8(fin ? FLAG_FIN : 0, 4);
  return Buffer.concat([header, data]);
}

function control(type: number, fin: boolean, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x80_00 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(body.length, 4);
  header.writeUInt8(fin ? FLAG_FIN : 0, 4);
  return Buffer.concat([header, body]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
