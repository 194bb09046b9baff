/** Answers that are made here rather than asked for elsewhere. */
import { RCODE, TYPE } from "./record-types.ts";
import {
  type StartOfAuthority,
  joinRecords,
  QUESTION_NAME,
  record,
  soaData,
  txtData,
} from "./records.ts";
import { type Answer, bareAnswer } from "./response.ts";
import { encodeName } from "./wire-name.ts";

/** RFC 8482: what is said to who asks for everything. */
const ANY_TTL_SECONDS = 3_789;
/** What SOA says to secondary servers, of which there are none. */
const FOR_SECONDARIES = { refreshSeconds: 7_200, retrySeconds: 1_800, expireSeconds: 86_400 };

/** Of a name that is known to be valid, because it is ours. */
export function ownName(text: string): Buffer {
  const encoded = encodeName(text);
  if (encoded === undefined) throw new Error(`${JSON.stringify(text)} is no domain name`);
  return encoded;
}

/** Authoritative; the records answer the question. */
export function positiveAnswer(records: readonly Buffer[]): Answer {
  return { ...bareAnswer(RCODE.NOERROR, true), answers: joinRecords(records) };
}

/** Without the record asked for, or without the name: both say for how long that holds. */
export function negativeAnswer(exists: boolean, zone: Buffer, soa: Buffer, ttl: number): Answer {
  return {
    ...bareAnswer(exists ? RCODE.NOERROR : RCODE.NXDOMAIN, true),
    authority: joinRecords([record(zone, TYPE.SOA, ttl, soa)]),
  };
}

/** To who asks for records of any type, of a name that has some. */
export function anyAnswer(): Answer {
  return positiveAnswer([
    record(QUESTION_NAME, TYPE.HINFO, ANY_TTL_SECONDS, txtData("RFC8482", "")),
  ]);
}

export function startOfAuthority(
  about: Pick<StartOfAuthority, "server" | "mailbox" | "serial" | "negativeSeconds">,
): Buffer {
  return soaData({ ...about, ...FOR_SECONDARIES });
}
