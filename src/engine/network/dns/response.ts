/**
 * Puts an answer into the message that the client can take: its own question, whole records only,
 * and TC where they do not all fit (RFC 2181 §9), so that it asks again over TCP.
 */
import type { Edns, QueryHead } from "./query.ts";
import { FLAG, HEADER_BYTES, TYPE } from "./record-types.ts";
import { type EncodedRecords, NO_RECORDS } from "./records.ts";

/** What of a name is told; the same for every client. */
export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: EncodedRecords;
  readonly authority: EncodedRecords;
  /** Left out when they do not fit: nobody misses them. */
  readonly additional: EncodedRecords;
  /** An alias comes before what it leads to: these are not turned round. @default false */
  readonly inOrder?: boolean;
}

/** A datagram that no network has to take apart (DNS flag day 2020); also told to clients. */
export const MAX_DATAGRAM_BYTES = 1232;
/** RFC 1035: of a client that says nothing by EDNS. */
const PLAIN_DATAGRAM_BYTES = 512;
/** As far as the length before a message counts. */
export const MAX_STREAM_MESSAGE_BYTES = 65_535;
const OPT_BYTES = 11;

export function datagramLimit(edns: Edns | undefined): number {
  return edns === undefined
    ? PLAIN_DATAGRAM_BYTES
    : Math.min(MAX_DATAGRAM_BYTES, edns.payloadBytes);
}

/** An answer without records. */
export function bareAnswer(rcode: number, authoritative = false): Answer {
  return {
    rcode,
    authoritative,
    answers: NO_RECORDS,
    authority: NO_RECORDS,
    additional: NO_RECORDS,
  };
}

export interface ResponseOptions {
  readonly maxBytes: number;
  readonly recursionAvailable: boolean;
  /** The answer that comes first; the others follow in a circle. @default 0 */
  readonly first?: number;
}

export function writeResponse(query: QueryHead, answer: Answer, options: ResponseOptions): Buffer {
  const { question, edns } = query;
  const { answers, authority, additional } = answer;
  const optBytes = edns === undefined ? 0 : OPT_BYTES;
  const fixed = HEADER_BYTES + question.length + optBytes;
  const needed = fixed + answers.bytes.length + authority.bytes.length;
  const withAdditional = needed + additional.bytes.length <= options.maxBytes;
  const isTruncated = needed > options.maxBytes;
  const first = answers.ends.length === 0 ? 0 : (options.first ?? 0) % answers.ends.length;
  const fitting = isTruncated
    ? countFitting(answers, first, options.maxBytes - fixed)
    : answers.ends.length;
  const message = Buffer.allocUnsafe(
    Math.min(needed, options.maxBytes) + (withAdditional ? additional.bytes.length : 0),
  );
  let offset = HEADER_BYTES + question.copy(message, HEADER_BYTES);
  offset = copyFrom(answers, first, fitting, message, offset);
  if (!isTruncated) offset += authority.bytes.copy(message, offset);
  if (withAdditional) offset += additional.bytes.copy(message, offset);
  if (edns !== undefined) offset = writeOpt(message, offset, edns, answer.rcode);
  writeHeader(message, query, {
    rcode: answer.rcode,
    flags:
      (answer.authoritative ? FLAG.AUTHORITATIVE : 0) |
      (isTruncated ? FLAG.TRUNCATED : 0) |
      (options.recursionAvailable ? FLAG.RECURSION_AVAILABLE : 0),
    counts: [
      fitting,
      isTruncated ? 0 : authority.ends.length,
      (withAdditional ? additional.ends.length : 0) + (edns === undefined ? 0 : 1),
    ],
  });
  return message.subarray(0, offset);
}

export interface HeaderParts {
  readonly rcode: number;
  readonly flags: number;
  /** Answers, authorities, additionals. */
  readonly counts: readonly [number, number, number];
}

/** The header of the answer to `query`. */
export function writeHeader(message: Buffer, query: QueryHead, parts: HeaderParts): void {
  const repeated = query.flags & (FLAG.OPCODE | FLAG.RECURSION_DESIRED | FLAG.CHECKING_DISABLED);
  message.writeUInt16BE(query.id, 0);
  message.writeUInt16BE(FLAG.RESPONSE | repeated | parts.flags | (parts.rcode & FLAG.RCODE), 2);
  message.writeUInt16BE(query.question.length === 0 ? 0 : 1, 4);
  for (const [index, count] of parts.counts.entries()) message.writeUInt16BE(count, 6 + index * 2);
}

/** The offset after the OPT record. */
export function writeOpt(message: Buffer, offset: number, edns: Edns, rcode: number): number {
  message.writeUInt8(0, offset);
  message.writeUInt16BE(TYPE.OPT, offset + 1);
  message.writeUInt16BE(MAX_DATAGRAM_BYTES, offset + 3);
  message.writeUInt8(rcode >> 4, offset + 5);
  message.writeUInt8(0, offset + 6);
  message.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, offset + 7);
  message.writeUInt16BE(0, offset + 9);
  return offset + OPT_BYTES;
}

const startOf = ({ ends }: EncodedRecords, index: number): number =>
  index === 0 ? 0 : (ends[index - 1] ?? 0);

function countFitting(records: EncodedRecords, first: number, room: number): number {
  const count = records.ends.length;
  let left = room;
  for (let index = 0; index < count; index++) {
    const at = (first + index) % count;
    left -= (records.ends[at] ?? 0) - startOf(records, at);
    if (left < 0) return index;
  }
  return count;
}

/** `count` records from `first` on, in a circle. The offset after them. */
function copyFrom(
  records: EncodedRecords,
  first: number,
  count: number,
  message: Buffer,
  offset: number,
): number {
  if (count === 0) return offset;
  const { bytes, ends } = records;
  const last = first + count;
  const straight = Math.min(last, ends.length);
  const end =
    offset + bytes.copy(message, offset, startOf(records, first), startOf(records, straight));
  return last <= ends.length
    ? end
    : end + bytes.copy(message, end, 0, startOf(records, last - ends.length));
}
