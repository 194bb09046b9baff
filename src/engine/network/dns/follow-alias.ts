/**
 * Where an ExternalName Service leads: the alias and what stands behind it, in one answer, because
 * stub resolvers do not ask again. Aliases may lead to further ones, or in a circle.
 */
import type { Answer as PacketAnswer } from "dns-packet";
import { type Alias, type ClusterZone, isAlias } from "./cluster-zone.ts";
import type { Forwarded, Forwarder } from "./forwarder.ts";
import { CLASS_IN, RCODE, TYPE } from "./record-types.ts";
import { joinRecords, QUESTION_NAME, record } from "./records.ts";
import { type Answer, bareAnswer } from "./response.ts";
import { encodeName, labelsOf } from "./wire-name.ts";

/** Aliases of aliases within the cluster. */
const MAX_ALIASES = 8;

/** `forwarder` absent: nobody else may be asked, the alias is all there is to say. */
export async function followAlias(
  type: number,
  first: Alias,
  zone: Pick<ClusterZone, "resolve">,
  forwarder: Pick<Forwarder, "ask"> | undefined,
): Promise<Answer> {
  const records: Buffer[] = [];
  let owner: Buffer = QUESTION_NAME;
  let alias = first;
  for (let step = 0; step < MAX_ALIASES; step++) {
    const target = encodeName(alias.alias);
    // An address is no name (nor could it be, for the root has no zone "4").
    if (target === undefined || target.length === 1) return bareAnswer(RCODE.SERVFAIL);
    records.push(record(owner, TYPE.CNAME, alias.ttlSeconds, target));
    const only = {
      ...bareAnswer(RCODE.NOERROR, true),
      answers: joinRecords(records),
      inOrder: true,
    };
    if (type === TYPE.CNAME || type === TYPE.ANY) return only;
    const behind = zone.resolve(labelsOf(target, 0), type);
    if (behind === undefined) {
      if (forwarder === undefined) return only;
      const bytes = Buffer.concat([target, Buffer.of(type >> 8, type & 0xff, 0, CLASS_IN)]);
      const found = await forwarder.ask({ bytes, dnssecOk: false, checkingDisabled: false });
      if (found === "refused") return only;
      return found === "failed" ? bareAnswer(RCODE.SERVFAIL) : append(records, found);
    }
    if (!isAlias(behind)) {
      const owned = recordsOf(behind).map((bytes) =>
        Buffer.concat([target, bytes.subarray(QUESTION_NAME.length)]),
      );
      return { ...behind, answers: joinRecords([...records, ...owned]), inOrder: true };
    }
    owner = target;
    alias = behind;
  }
  return bareAnswer(RCODE.SERVFAIL);
}

function recordsOf({ answers: { bytes, ends } }: Answer): Buffer[] {
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

/** Names in an upstream's answer may point into that message: they are written out. */
async function append(
  records: readonly Buffer[],
  { answer, ageSeconds }: Exclude<Forwarded, string>,
): Promise<Answer> {
  const { decode, encode } = await import("dns-packet");
  const written = (found: PacketAnswer): Buffer => {
    const ttl = "ttl" in found ? Math.max(0, (found.ttl ?? 0) - ageSeconds) : 0;
    const aged = "ttl" in found ? { ...found, ttl } : found;
    // Behind the header of a message that has nothing else.
    return encode({ type: "response", answers: [aged] }).subarray(12);
  };
  try {
    const { answers = [], authorities = [] } = decode(answer.bytes);
    const soa = authorities.filter(({ type }) => type === "SOA");
    return {
      ...bareAnswer(answer.rcode),
      answers: joinRecords([...records, ...answers.map(written)]),
      authority: joinRecords(answers.length === 0 ? soa.map(written) : []),
      inOrder: true,
    };
  } catch {
    // The walk over the message saw whole records; what is in one may be wrong all the same.
    return bareAnswer(RCODE.SERVFAIL);
  }
}
