/** Messages that are a single value in JSON: times, quantities, numbers or strings. */
import {
  BYTES,
  eachField,
  endOf,
  expectWire,
  ProtobufError,
  type Reader,
  readInteger,
  readString,
  VARINT,
} from "./wire.ts";

/** The first field of a message, which holds a text. */
export function readFirstString(reader: Reader): string | undefined {
  let text: string | undefined;
  eachField(reader, endOf(reader), (number, wire) => {
    if (number !== 1) return false;
    expectWire(wire, BYTES);
    text = readString(reader);
    return true;
  });
  return text;
}

export function readIntOrString(reader: Reader): number | string {
  const INT = 0;
  let type = INT;
  let number = 0;
  let text = "";
  eachField(reader, endOf(reader), (field, wire) => {
    if (field > 3) return false;
    expectWire(wire, field === 3 ? BYTES : VARINT);
    if (field === 1) type = reader.int32();
    else if (field === 2) number = reader.int32();
    else text = readString(reader);
    return true;
  });
  return type === INT ? number : text;
}

/** RFC 3339 in UTC; undefined for the zero time, which upstream encodes as an empty message. */
export function readTime(reader: Reader, type: "time" | "microTime"): string | undefined {
  let seconds: number | undefined;
  let nanoseconds = 0;
  eachField(reader, endOf(reader), (number, wire) => {
    if (number > 2) return false;
    expectWire(wire, VARINT);
    if (number === 1) seconds = readInteger(reader);
    else nanoseconds = reader.int32();
    return true;
  });
  if (seconds === undefined) return undefined;
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() > 9999)
    throw new ProtobufError("a time is out of range");
  const text = time.toISOString().slice(0, "2006-01-02T15:04:05".length);
  if (type === "time") return `${text}Z`;
  const micros = Math.trunc(Math.min(Math.max(nanoseconds, 0), 999_999_999) / 1000);
  return `${text}.${String(micros).padStart(6, "0")}Z`;
}
