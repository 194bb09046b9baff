/**
 * Reads a client's packet as far as an answer needs it: one question and the EDNS record. Names in
 * questions are not compressed; what else the packet holds is only walked over.
 */
import { CLASS_ANY, CLASS_IN, FLAG, HEADER_BYTES, RCODE, TYPE } from "./record-types.ts";
import { endOfName, endOfPlainName, labelsOf, MalformedMessageError } from "./wire-name.ts";

/** What the client says of itself by EDNS (RFC 6891). */
export interface Edns {
  /** Bytes of the largest datagram that it takes. */
  readonly payloadBytes: number;
  readonly dnssecOk: boolean;
}
/** What every answer repeats. */
export interface QueryHead {
  readonly id: number;
  /** As sent: operation, recursion desired, checking disabled. */
  readonly flags: number;
  /** Name, type and class as sent, the case of letters included; empty when they could not be read. */
  readonly question: Buffer;
  readonly edns: Edns | undefined;
}
export interface Query extends QueryHead {
  /** In lower case, the most specific one first. */
  readonly labels: readonly string[];
  readonly type: number;
}
/** A packet that is answered with nothing but a code. */
export interface Rejection extends QueryHead {
  readonly rcode: number;
}

/** RFC 6891 §6.2.3: less than this counts as this. */
const MIN_PAYLOAD_BYTES = 512;
/** A query has one OPT record and perhaps a signature; nobody needs to have more walked over. */
const MAX_EXTRA_RECORDS = 4;
const DNSSEC_OK = 0x8000;
const QUESTION_TAIL_BYTES = 4;
const RECORD_HEAD_BYTES = 10;

/** Undefined for what must not be answered: answers, and packets without a whole header. */
export function readQuery(packet: Buffer): Query | Rejection | undefined {
  if (packet.length < HEADER_BYTES) return undefined;
  const id = packet.readUInt16BE(0);
  const flags = packet.readUInt16BE(2);
  if ((flags & FLAG.RESPONSE) !== 0) return undefined;
  const head = { id, flags, question: Buffer.alloc(0), edns: undefined };
  if ((flags & FLAG.OPCODE) !== 0) return { ...head, rcode: RCODE.NOTIMP };
  // RFC 9619: a query has one question.
  if (packet.readUInt16BE(4) !== 1) return { ...head, rcode: RCODE.FORMERR };
  try {
    const nameEnd = endOfPlainName(packet, HEADER_BYTES);
    const end = nameEnd + QUESTION_TAIL_BYTES;
    if (end > packet.length) return { ...head, rcode: RCODE.FORMERR };
    const question = packet.subarray(HEADER_BYTES, end);
    const extra = readExtra(packet, end);
    const asked = { ...head, question, edns: extra.edns };
    if (extra.version !== 0) return { ...asked, rcode: RCODE.BADVERS };
    const type = packet.readUInt16BE(nameEnd);
    const ofClass = packet.readUInt16BE(nameEnd + 2);
    const isTransfer = type === TYPE.AXFR || type === TYPE.IXFR;
    if (isTransfer || (ofClass !== CLASS_IN && ofClass !== CLASS_ANY))
      return { ...asked, rcode: RCODE.REFUSED };
    if (type === TYPE.OPT) return { ...asked, rcode: RCODE.FORMERR };
    return { ...asked, labels: labelsOf(packet, HEADER_BYTES), type };
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return { ...head, rcode: RCODE.FORMERR };
  }
}

/** @throws MalformedMessageError */
function readExtra(
  packet: Buffer,
  start: number,
): { readonly edns: Edns | undefined; readonly version: number } {
  const count = packet.readUInt16BE(6) + packet.readUInt16BE(8) + packet.readUInt16BE(10);
  if (count > MAX_EXTRA_RECORDS) throw new MalformedMessageError("a query has no such records");
  let offset = start;
  let edns: Edns | undefined;
  let version = 0;
  for (let record = 0; record < count; record++) {
    const head = endOfName(packet, offset);
    const body = head + RECORD_HEAD_BYTES;
    if (body > packet.length) throw new MalformedMessageError("the record goes on after the end");
    if (packet.readUInt16BE(head) === TYPE.OPT) {
      if (edns !== undefined || packet[offset] !== 0)
        throw new MalformedMessageError("a message has one OPT record, of the root");
      edns = {
        payloadBytes: Math.max(MIN_PAYLOAD_BYTES, packet.readUInt16BE(head + 2)),
        dnssecOk: (packet.readUInt16BE(head + 6) & DNSSEC_OK) !== 0,
      };
      version = packet.readUInt8(head + 5);
    }
    offset = body + packet.readUInt16BE(head + 8);
    if (offset > packet.length) throw new MalformedMessageError("the record goes on after the end");
  }
  if (offset !== packet.length) throw new MalformedMessageError("bytes are left over");
  return { edns, version };
}
