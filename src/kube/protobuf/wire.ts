/** Protobuf's wire format: tagged fields, messages with a length. Every read is bounded by the body. */
import type protobuf from "protobufjs/minimal.js";

export type Reader = protobuf.Reader;

/** What is wrong with a body; never quotes it. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;

/** Reads fields up to `end`; those that `read` does not want are skipped. */
export function eachField(
  reader: Reader,
  end: number,
  read: (number: number, wire: number) => boolean,
): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    if (wire > 5) throw new ProtobufError("a field has an unknown wire type");
    if (tag >>> 3 === 0) throw new ProtobufError("a field has the number 0");
    // Groups nest without a length; Kubernetes has none.
    if (wire === 3 || wire === 4) throw new ProtobufError("it has groups");
    if (!read(tag >>> 3, wire)) reader.skipType(wire);
  }
  if (reader.pos !== end) throw new ProtobufError("a field is longer than its message");
}

/** Where a message that begins here ends. */
export function endOf(reader: Reader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError("beyond the end");
  return end;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function readString(reader: Reader): string {
  try {
    return utf8.decode(reader.bytes());
  } catch (error) {
    if (error instanceof TypeError) throw new ProtobufError("a string is not valid UTF-8");
    throw error;
  }
}

export function expectWire(wire: number, expected: number): void {
  if (wire !== expected) throw new ProtobufError("a field is encoded as another type");
}

/** Exact up to 2^53, as JSON's numbers are. */
export function readInteger(reader: Reader): number {
  const { low, high } = reader.int64();
  return high * 2 ** 32 + (low >>> 0);
}
