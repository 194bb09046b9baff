/**
 * Checks a pack before anything unpacks it: whole, intact, and within bounds. A few kilobytes can
 * claim to inflate to gigabytes; here every claim is added up first.
 */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";

export interface PackLimits {
  /** Objects in one fetch. */
  readonly maxObjects: number;
  /** One object, inflated and with its delta applied. */
  readonly maxObjectBytes: number;
  /** All objects together, inflated and with their deltas applied: bounds time as well. */
  readonly maxTotalBytes: number;
}

export const DEFAULT_PACK_LIMITS: PackLimits = {
  maxObjects: 2_000_000,
  maxObjectBytes: 256 * 1024 * 1024,
  maxTotalBytes: 4 * 1024 * 1024 * 1024,
};

export type PackProblem = "truncated" | "corrupt" | "too-large";

/** What is wrong with a pack; the caller knows where it came from. */
export class PackError extends Error {
  override readonly name = "PackError";
  readonly problem: PackProblem;
  constructor(problem: PackProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

const HEADER_BYTES = 12;
const TRAILER_BYTES = 20;
const ID_BYTES = 20;
const OFS_DELTA = 6;
const REF_DELTA = 7;
/** A slice of work between turns of the event loop. */
const OBJECTS_PER_TURN = 200;

export interface CheckedPack {
  readonly objects: number;
  /** What deltas are based on that may lie outside of the pack (a thin one). */
  readonly baseIds: ReadonlySet<string>;
}

/** @throws PackError */
export async function checkPack(pack: Buffer, limits: PackLimits): Promise<CheckedPack> {
  if (pack.length < HEADER_BYTES + TRAILER_BYTES) throw truncated();
  if (pack.toString("latin1", 0, 4) !== "PACK") throw corrupt("it has no pack signature");
  if (pack.readUInt32BE(4) !== 2) throw corrupt("its version is unknown");
  const objects = pack.readUInt32BE(8);
  if (objects > limits.maxObjects) throw tooLarge(`it has ${objects} objects`);
  checkTrailer(pack);
  const end = pack.length - TRAILER_BYTES;
  let offset = HEADER_BYTES;
  let totalBytes = 0;
  const baseIds = new Set<string>();
  for (let i = 0; i < objects; i++) {
    if (i % OBJECTS_PER_TURN === OBJECTS_PER_TURN - 1)
      await new Promise((resolve) => setImmediate(resolve));
    const object = readObject(pack, offset, end, limits);
    offset = object.end;
    totalBytes += object.resultBytes;
    if (object.baseId !== undefined) baseIds.add(object.baseId);
    if (totalBytes > limits.maxTotalBytes)
      throw tooLarge(`its objects inflate to more than ${limits.maxTotalBytes} bytes`);
  }
  if (offset !== end) throw corrupt("it has bytes after its last object");
  return { objects, baseIds };
}

/** A cut pack has no checksum at its end; this also finds flipped bits. */
function checkTrailer(pack: Buffer): void {
  const body = pack.subarray(0, pack.length - TRAILER_BYTES);
  const sum = createHash("sha1").update(body).digest();
  if (!sum.equals(pack.subarray(pack.length - TRAILER_BYTES))) throw truncated();
}

function readObject(
  pack: Buffer,
  start: number,
  end: number,
  limits: PackLimits,
): { end: number; resultBytes: number; baseId: string | undefined } {
  const header = readHeader(pack, start, end);
  if (header.size > limits.maxObjectBytes) throw tooLarge(`an object claims ${header.size} bytes`);
  let offset = header.end;
  const isDelta = header.type === OFS_DELTA || header.type === REF_DELTA;
  let baseId: string | undefined;
  if (header.type === REF_DELTA) {
    baseId = pack.toString("hex", offset, offset + ID_BYTES);
    offset += ID_BYTES;
  }
  if (header.type === OFS_DELTA) {
    while (offset < end && (pack[offset] ?? 0) & 0x80) offset++;
    offset++;
  }
  if (offset >= end) throw corrupt("an object is cut short");
  const { content, consumed } = inflate(pack.subarray(offset, end), header.size);
  if (content.length !== header.size) throw corrupt("an object has another size than it claims");
  const resultBytes = isDelta ? deltaResultSize(content) : header.size;
  if (resultBytes > limits.maxObjectBytes) throw tooLarge(`an object claims ${resultBytes} bytes`);
  return { end: offset + consumed, resultBytes: Math.max(resultBytes, header.size), baseId };
}

/** Type in bits 4 to 6 of the first byte, size in the rest, seven bits per further byte. */
function readHeader(
  pack: Buffer,
  start: number,
  end: number,
): { type: number; size: number; end: number } {
  let byte = pack[start] ?? 0;
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  let scale = 16;
  let offset = start + 1;
  while (byte & 0x80) {
    if (offset >= end || offset - start > 8) throw corrupt("an object header is malformed");
    byte = pack[offset++] ?? 0;
    size += (byte & 0x7f) * scale;
    scale *= 128;
  }
  if (type === 0 || type === 5) throw corrupt(`an object has the unknown type ${type}`);
  return { type, size, end: offset };
}

function inflate(data: Buffer, size: number): { content: Buffer; consumed: number } {
  try {
    // With `info` the result also tells how much input was used; the type definitions lack it.
    const result = inflateSync(data, {
      info: true,
      maxOutputLength: Math.max(size, 1),
    } as object) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return { content: result.buffer, consumed: result.engine.bytesWritten };
  } catch {
    throw corrupt("an object cannot be inflated");
  }
}

/** A delta starts with the sizes of its base and of its result. */
function deltaResultSize(delta: Buffer): number {
  const base = readVarint(delta, 0);
  return readVarint(delta, base.end).value;
}

function readVarint(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let offset = start; offset < bytes.length && offset - start < 8; offset++) {
    const byte = bytes[offset] ?? 0;
    value += (byte & 0x7f) * scale;
    if ((byte & 0x80) === 0) return { value, end: offset + 1 };
    scale *= 128;
  }
  throw corrupt("a delta is malformed");
}

function truncated(): PackError {
  return new PackError("truncated", "the pack is cut short or damaged");
}

function corrupt(why: string): PackError {
  return new PackError("corrupt", `the pack is malformed: ${why}`);
}

function tooLarge(why: string): PackError {
  return new PackError("too-large", `the pack is too large: ${why}`);
}
