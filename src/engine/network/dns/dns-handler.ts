/** From a client's packet to the packet that answers it: who is asked, and what is said. */
import type { Logger } from "../../../client/logger.ts";
import { type Alias, type ClusterZone, isAlias } from "./cluster-zone.ts";
import { followAlias } from "./follow-alias.ts";
import type { Forwarder } from "./forwarder.ts";
import { anyAnswer, positiveAnswer } from "./local-answers.ts";
import type { LoopProbe } from "./loop-probe.ts";
import { type Query, type QueryHead, readQuery } from "./query.ts";
import { FLAG, RCODE, TYPE } from "./record-types.ts";
import { addressData, QUESTION_NAME, record } from "./records.ts";
import {
  type Answer,
  bareAnswer,
  datagramLimit,
  MAX_STREAM_MESSAGE_BYTES,
  writeResponse,
} from "./response.ts";
import type { ReverseZone } from "./reverse-zone.ts";
import { STABLE_TTL_SECONDS } from "./service-names.ts";
import { writeUpstreamAnswer } from "./upstream-answer.ts";

export type Transport = "udp" | "tcp";
/** Undefined where nothing may be answered. */
export type Reply = Buffer | undefined;

export interface DnsHandlerOptions {
  readonly zone: ClusterZone;
  readonly reverse: ReverseZone;
  readonly forwarder: Forwarder;
  readonly probe: LoopProbe;
  readonly logger: Logger;
}

export class DnsHandler {
  /** Answers by transport and code. */
  readonly answered = new Map<Transport, Map<number, number>>([
    ["udp", new Map()],
    ["tcp", new Map()],
  ]);
  /** Packets that nothing was answered to. */
  dropped = 0;
  readonly #options: DnsHandlerOptions;
  #turn = 0;

  constructor(options: DnsHandlerOptions) {
    this.#options = options;
  }

  /** A promise, which never rejects, where somebody else must be asked. */
  handle(packet: Buffer, transport: Transport): Reply | Promise<Reply> {
    const query = readQuery(packet);
    if (query === undefined) {
      this.dropped += 1;
      return undefined;
    }
    if ("rcode" in query) return this.#reply(query, bareAnswer(query.rcode), transport);
    // Anybody may ask anything: a defect fails the question, not the engine.
    const fail = (error: unknown): Buffer => {
      this.#options.logger.error({ err: error }, "a DNS question could not be answered");
      return this.#reply(query, bareAnswer(RCODE.SERVFAIL), transport);
    };
    try {
      const reply = this.#answer(query, transport);
      return reply instanceof Promise ? reply.catch(fail) : reply;
    } catch (error) {
      return fail(error);
    }
  }

  #answer(query: Query, transport: Transport): Reply | Promise<Reply> {
    const { zone, reverse, probe } = this.#options;
    const { labels, type } = query;
    const own = zone.resolve(labels, type);
    if (own !== undefined)
      return isAlias(own)
        ? this.#replyAlias(query, own, transport)
        : this.#reply(query, own, transport);
    const local =
      (labels.at(-1) === "arpa" ? reverse.resolve(labels, type) : undefined) ??
      (labels.at(-1) === "localhost" ? localhost(type) : undefined) ??
      (probe.isOwn(labels) ? bareAnswer(RCODE.REFUSED) : undefined) ??
      (type === TYPE.ANY ? anyAnswer() : undefined);
    return local === undefined
      ? this.#forward(query, transport)
      : this.#reply(query, local, transport);
  }

  #forward(query: Query, transport: Transport): Reply | Promise<Reply> {
    if ((query.flags & FLAG.RECURSION_DESIRED) === 0)
      return this.#reply(query, bareAnswer(RCODE.REFUSED), transport);
    const forwarded = this.#options.forwarder.ask({
      bytes: query.question,
      dnssecOk: query.edns?.dnssecOk === true,
      checkingDisabled: (query.flags & FLAG.CHECKING_DISABLED) !== 0,
    });
    const finish = (result: Awaited<typeof forwarded>): Buffer => {
      if (result === "failed") return this.#reply(query, bareAnswer(RCODE.SERVFAIL), transport);
      if (result === "refused") return this.#reply(query, bareAnswer(RCODE.REFUSED), transport);
      this.#count(transport, result.answer.rcode);
      const maxBytes = maxBytesFor(query, transport);
      return writeUpstreamAnswer(query, result.answer, result.ageSeconds, { maxBytes });
    };
    return forwarded instanceof Promise ? forwarded.then(finish) : finish(forwarded);
  }

  async #replyAlias(query: Query, alias: Alias, transport: Transport): Promise<Buffer> {
    const { zone, forwarder } = this.#options;
    const mayAsk = (query.flags & FLAG.RECURSION_DESIRED) !== 0;
    const answer = await followAlias(query.type, alias, zone, mayAsk ? forwarder : undefined);
    return this.#reply(query, answer, transport);
  }

  #reply(query: QueryHead, answer: Answer, transport: Transport): Buffer {
    this.#count(transport, answer.rcode);
    return writeResponse(query, answer, {
      maxBytes: maxBytesFor(query, transport),
      recursionAvailable: true,
      first: answer.inOrder === true ? 0 : this.#turn++,
    });
  }

  #count(transport: Transport, rcode: number): void {
    const counts = this.answered.get(transport);
    counts?.set(rcode, (counts.get(rcode) ?? 0) + 1);
  }
}

const maxBytesFor = ({ edns }: QueryHead, transport: Transport): number =>
  transport === "udp" ? datagramLimit(edns) : MAX_STREAM_MESSAGE_BYTES;

/** RFC 6761 §6.3: a name of this machine, whatever a server elsewhere says. */
function localhost(type: number): Answer {
  if (type === TYPE.ANY) return anyAnswer();
  const address = addressData(type === TYPE.AAAA ? "::1" : "127.0.0.1");
  return positiveAnswer(
    address?.type === type ? [record(QUESTION_NAME, type, STABLE_TTL_SECONDS, address.data)] : [],
  );
}
