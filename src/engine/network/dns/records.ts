/**
 * Resource records as they travel. Their owner is a pointer to the question's name wherever they
 * answer it: short, and in the letters that the client chose (0x20).
 */
import { CLASS_IN, HEADER_BYTES, TYPE } from "./record-types.ts";

/** Points to the name right after the header. */
export const QUESTION_NAME = Buffer.of(0xc0, HEADER_BYTES);

/** Whole records, one after the other. */
export interface EncodedRecords {
  readonly bytes: Buffer;
  /** The offset after each. */
  readonly ends: readonly number[];
}
export const NO_RECORDS: EncodedRecords = { bytes: Buffer.alloc(0), ends: [] };

export function joinRecords(records: readonly Buffer[]): EncodedRecords {
  if (records.length === 0) return NO_RECORDS;
  let end = 0;
  return {
    bytes: Buffer.concat(records),
    ends: records.map((record) => {
      end += record.length;
      return end;
    }),
  };
}

/** `owner` is an encoded name or a pointer. */
export function record(owner: Buffer, type: number, ttlSeconds: number, data: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(CLASS_IN, 2);
  head.writeUInt32BE(ttlSeconds, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, head, data]);
}

/** A or AAAA, whichever the address is. Undefined for what is no address. */
export function addressData(
  ip: string,
): { readonly type: number; readonly data: Buffer } | undefined {
  if (!ip.includes(":")) {
    const parts = ip.split(".").map(Number);
    if (parts.length !== 4 || !parts.every(isByte)) return undefined;
    return { type: TYPE.A, data: Buffer.from(parts) };
  }
  const groups = ipv6Groups(ip);
  if (groups === undefined) return undefined;
  const data = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) data.writeUInt16BE(group, index * 2);
  return { type: TYPE.AAAA, data };
}

const isByte = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 255;

/** The eight numbers of an address; undefined when it is none. */
export function ipv6Groups(ip: string): readonly number[] | undefined {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  if (dotted !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(2).map(Number);
    if (![a, b, c, d].every(isByte)) return undefined;
    return ipv6Groups(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const halves = ip.split("::");
  if (halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...left, ...Array<string>(missing).fill("0"), ...right];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

export function srvData(port: number, weight: number, target: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(weight, 2);
  head.writeUInt16BE(port, 4);
  return Buffer.concat([head, target]);
}

/** `text`: at most 255 bytes. */
export function txtData(...texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => [Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]),
  );
}

export interface StartOfAuthority {
  readonly server: Buffer;
  readonly mailbox: Buffer;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  /** For how long a name that is not there may be remembered as such (RFC 2308). */
  readonly negativeSeconds: number;
}
export function soaData(soa: StartOfAuthority): Buffer {
  const numbers = Buffer.alloc(20);
  const { serial, refreshSeconds, retrySeconds, expireSeconds, negativeSeconds } = soa;
  for (const [index, value] of [
    serial,
    refreshSeconds,
    retrySeconds,
    expireSeconds,
    negativeSeconds,
  ].entries())
    numbers.writeUInt32BE(value >>> 0, index * 4);
  return Buffer.concat([soa.server, soa.mailbox, numbers]);
}
