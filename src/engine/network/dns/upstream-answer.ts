/**
 * Answers of upstream servers, as they came: checked to be whole and to answer the question, with
 * the OPT record, which is between us and the upstream, cut off. Passing them on changes only the
 * header, the question's letters and the times to live.
 */
import type { Query } from "./query.ts";
import { FLAG, HEADER_BYTES, RCODE, TYPE } from "./record-types.ts";
import { type ResponseOptions, writeHeader, writeOpt } from "./response.ts";
import { endOfName, endOfPlainName, lowerCaseName, MalformedMessageError } from "./wire-name.ts";

export interface UpstreamAnswer {
  /** Header, question and records, without OPT. */
  readonly bytes: Buffer;
  readonly questionEnd: number;
  readonly rcode: number;
  readonly isTruncated: boolean;
  /** Answers, authorities, additionals. */
  readonly counts: readonly [number, number, number];
  /** The offset after each record. */
  readonly recordEnds: readonly number[];
  /** Where each record has its time to live. */
  readonly ttlOffsets: readonly number[];
  /** For how long this may be remembered; 0 for not at all. */
  readonly ttlSeconds: number;
}

/** Records of one message; the largest sets of real zones have some hundreds. */
const MAX_RECORDS = 4_096;
const RECORD_HEAD_BYTES = 10;
const QUESTION_TAIL_BYTES = 4;
const SOA_NUMBERS_BYTES = 20;

/** Whether these bytes are an answer to that question. The source must have been checked. */
export function answersQuestion(bytes: Buffer, id: number, question: Buffer): boolean {
  if (bytes.length < HEADER_BYTES + question.length) return false;
  const isResponse = (bytes.readUInt16BE(2) & (FLAG.RESPONSE | FLAG.OPCODE)) === FLAG.RESPONSE;
  if (!isResponse || bytes.readUInt16BE(0) !== id || bytes.readUInt16BE(4) !== 1) return false;
  const own = bytes.subarray(HEADER_BYTES, HEADER_BYTES + question.length);
  // Some servers change the letters of names.
  const nameBytes = question.length - QUESTION_TAIL_BYTES;
  return (
    own.subarray(nameBytes).equals(question.subarray(nameBytes)) &&
    lowerCaseName(own.subarray(0, nameBytes)).equals(lowerCaseName(question.subarray(0, nameBytes)))
  );
}

/** @throws MalformedMessageError */
export function readUpstreamAnswer(message: Buffer): UpstreamAnswer {
  if (message.length < HEADER_BYTES) throw new MalformedMessageError("the header is not whole");
  const questionEnd = endOfPlainName(message, HEADER_BYTES) + QUESTION_TAIL_BYTES;
  const flags = message.readUInt16BE(2);
  const counts: [number, number, number] = [0, 0, 0];
  const recordEnds: number[] = [];
  const ttlOffsets: number[] = [];
  let rcode = flags & FLAG.RCODE;
  let offset = questionEnd;
  let [lowest, negative] = [Number.POSITIVE_INFINITY, 0];
  let end = questionEnd;
  let isCut = false;
  for (const section of [0, 1, 2] as const)
    for (let left = message.readUInt16BE(6 + section * 2); left > 0; left--) {
      const head = endOfName(message, offset);
      const body = head + RECORD_HEAD_BYTES;
      if (body > message.length || recordEnds.length >= MAX_RECORDS)
        throw new MalformedMessageError("the message ends too early, or never");
      const type = message.readUInt16BE(head);
      const ttl = message.readUInt32BE(head + 4);
      offset = body + message.readUInt16BE(head + 8);
      if (offset > message.length) throw new MalformedMessageError("the message ends too early");
      if (type === TYPE.OPT) {
        rcode |= (ttl >>> 24) << 4;
        // What follows may point at what is behind it: cutting out would move that.
        isCut = true;
      }
      if (isCut) continue;
      counts[section] += 1;
      recordEnds.push(offset);
      ttlOffsets.push(head + 4);
      end = offset;
      // RFC 2181 §8: the highest bit means 0.
      lowest = Math.min(lowest, ttl > 0x7fffffff ? 0 : ttl);
      if (section === 1 && type === TYPE.SOA && offset - body >= SOA_NUMBERS_BYTES)
        negative = Math.min(ttl, message.readUInt32BE(offset - 4));
    }
  const isNegative = rcode === RCODE.NXDOMAIN || (rcode === RCODE.NOERROR && counts[0] === 0);
  const ttlSeconds = isNegative ? negative : lowest === Number.POSITIVE_INFINITY ? 0 : lowest;
  return {
    bytes: Buffer.from(message.subarray(0, end)),
    questionEnd,
    rcode,
    isTruncated: (flags & FLAG.TRUNCATED) !== 0,
    counts,
    recordEnds,
    ttlOffsets,
    ttlSeconds: rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN ? ttlSeconds : 0,
  };
}

export function isNegative({ rcode, counts }: UpstreamAnswer): boolean {
  return rcode === RCODE.NXDOMAIN || counts[0] === 0;
}

/** For a client: `ageSeconds` is how long the answer has been remembered. */
export function writeUpstreamAnswer(
  query: Query,
  answer: UpstreamAnswer,
  ageSeconds: number,
  { maxBytes }: Pick<ResponseOptions, "maxBytes">,
): Buffer {
  const { bytes, questionEnd, recordEnds, rcode } = answer;
  const { edns } = query;
  const optBytes = edns === undefined ? 0 : 11;
  const fitting = recordEnds.filter((end) => end + optBytes <= maxBytes).length;
  const [answers, authorities, additionals] = answer.counts;
  const counts: [number, number, number] = [
    Math.min(answers, fitting),
    Math.min(authorities, Math.max(0, fitting - answers)),
    Math.min(additionals, Math.max(0, fitting - answers - authorities)),
  ];
  const isTruncated = answer.isTruncated || fitting < answers + authorities;
  const end = fitting === 0 ? questionEnd : (recordEnds[fitting - 1] ?? questionEnd);
  const message = Buffer.allocUnsafe(end + optBytes);
  bytes.copy(message, 0, 0, end);
  query.question.copy(message, HEADER_BYTES);
  for (const offset of answer.ttlOffsets.slice(0, fitting))
    message.writeUInt32BE(Math.max(0, message.readUInt32BE(offset) - ageSeconds), offset);
  const wasAuthentic = bytes.readUInt16BE(2) & FLAG.AUTHENTIC_DATA;
  const wantsAuthentic = edns?.dnssecOk === true || (query.flags & FLAG.AUTHENTIC_DATA) !== 0;
  if (edns !== undefined) {
    counts[2] += 1;
    writeOpt(message, end, edns, rcode);
  }
  writeHeader(message, query, {
    rcode,
    flags:
      FLAG.RECURSION_AVAILABLE |
      (isTruncated ? FLAG.TRUNCATED : 0) |
      (wantsAuthentic ? wasAuthentic : 0),
    counts,
  });
  return message;
}
