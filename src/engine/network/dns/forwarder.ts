/**
 * Finds out from upstream servers what is not ours to answer. Who asks what somebody else is asking
 * already waits for the same answer, which also ends loops: a question that comes back to us is not
 * asked again.
 */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import { AnswerCache } from "./answer-cache.ts";
import { RCODE } from "./record-types.ts";
import { readUpstreamAnswer, type UpstreamAnswer } from "./upstream-answer.ts";
import {
  exchange,
  ExchangeError,
  type ExchangeOptions,
  type Question,
  type Upstream,
} from "./upstream-exchange.ts";
import type { Upstreams } from "./upstreams.ts";
import { lowerCaseName, MalformedMessageError } from "./wire-name.ts";

export interface ForwarderLimits {
  /** Questions to upstream servers at one time, each with a socket; more are refused at once. */
  readonly maxQuestions: number;
  /** Clients that wait for the answer to one question. */
  readonly maxWaiting: number;
  /** For one server; then the next one is asked. */
  readonly attemptMs: number;
  /** For all of them: resolvers give up after five seconds by themselves. */
  readonly totalMs: number;
}
export const FORWARDER_LIMITS: ForwarderLimits = {
  maxQuestions: 256,
  maxWaiting: 128,
  attemptMs: 1_500,
  totalMs: 4_500,
};
/** Nothing can be asked for so long after nobody answered (RFC 9520 asks for at least a second). */
const FAILURE_MS = 1_000;
const MAX_FAILURES = 1_000;

export interface ForwarderOptions {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default FORWARDER_LIMITS */
  readonly limits?: ForwarderLimits;
  /** Called before an upstream is asked. */
  readonly onAsk?: (upstream: Upstream) => void;
}

/** `refused`: there is nobody to ask. `failed`: nobody answered, or too much is asked. */
export type Forwarded =
  | { readonly answer: UpstreamAnswer; readonly ageSeconds: number }
  | "refused"
  | "failed";

export interface ForwarderCounts {
  cacheHits: number;
  cacheMisses: number;
  answered: number;
  failed: number;
  refused: number;
}

interface Flight {
  readonly answer: Promise<Forwarded>;
  waiting: number;
}

export class Forwarder {
  readonly counts: ForwarderCounts = {
    cacheHits: 0,
    cacheMisses: 0,
    answered: 0,
    failed: 0,
    refused: 0,
  };
  readonly #options: ForwarderOptions;
  readonly #limits: ForwarderLimits;
  readonly #cache: AnswerCache;
  readonly #flights = new Map<string, Flight>();
  readonly #failures = new Map<string, number>();
  readonly #abort = new AbortController();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#limits = options.limits ?? FORWARDER_LIMITS;
    // Each question listens; more than these there are not.
    setMaxListeners(this.#limits.maxQuestions, this.#abort.signal);
    this.#cache = new AnswerCache(options.clock);
  }

  get cached(): number {
    return this.#cache.size;
  }

  /** What is remembered, at once; else a promise. */
  ask(question: Question): Forwarded | Promise<Forwarded> {
    const key = keyOf(question);
    const cached = this.#cache.find(key);
    if (cached !== undefined) {
      this.counts.cacheHits += 1;
      return cached;
    }
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      if (flight.waiting >= this.#limits.maxWaiting) return this.#fail();
      flight.waiting += 1;
      return flight.answer;
    }
    this.counts.cacheMisses += 1;
    const failedAtMs = this.#failures.get(key);
    if (failedAtMs !== undefined && this.#isRecent(failedAtMs)) return this.#fail();
    if (this.#flights.size >= this.#limits.maxQuestions || this.#abort.signal.aborted)
      return this.#fail();
    const answer = this.#resolve(key, question).finally(() => this.#flights.delete(key));
    this.#flights.set(key, { answer, waiting: 1 });
    return answer;
  }

  /** Ends what is asked; resolves when nothing is open any more. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled([...this.#flights.values()].map(({ answer }) => answer));
    this.#cache.clear();
    this.#failures.clear();
  }

  async #resolve(key: string, question: Question): Promise<Forwarded> {
    const servers = await this.#options.upstreams.current();
    if (servers.length === 0) {
      this.counts.refused += 1;
      return "refused";
    }
    const answer = await this.#askInTurn(servers, question);
    if (answer === undefined) {
      this.#rememberFailure(key);
      return this.#fail();
    }
    this.counts.answered += 1;
    this.#failures.delete(key);
    this.#cache.store(key, answer);
    return { answer, ageSeconds: 0 };
  }

  /** Each server in turn, and again, until one answers or the time is up. */
  async #askInTurn(
    servers: readonly Upstream[],
    question: Question,
  ): Promise<UpstreamAnswer | undefined> {
    const { clock, upstreams, onAsk } = this.#options;
    const { attemptMs, totalMs } = this.#limits;
    const { signal } = this.#abort;
    const deadlineMs = clock.now() + totalMs;
    let unhelpful: UpstreamAnswer | undefined;
    for (let attempt = 0; attempt < 2 * servers.length; attempt++) {
      const upstream = servers[attempt % servers.length];
      const leftMs = deadlineMs - clock.now();
      if (upstream === undefined || leftMs <= 0 || signal.aborted) break;
      onAsk?.(upstream);
      const timeoutMs = Math.min(attemptMs, leftMs);
      const answer = await this.#askOne(upstream, question, { clock, timeoutMs, signal });
      if (answer === undefined) upstreams.failed(upstream);
      else if (answer.rcode === RCODE.NOERROR || answer.rcode === RCODE.NXDOMAIN) {
        upstreams.answered(upstream);
        return answer;
      } else {
        // It does not know or does not want to: perhaps another does.
        unhelpful = answer;
        if (attempt >= servers.length - 1) break;
      }
    }
    return unhelpful;
  }

  async #askOne(
    upstream: Upstream,
    question: Question,
    options: ExchangeOptions,
  ): Promise<UpstreamAnswer | undefined> {
    try {
      return readUpstreamAnswer(await exchange(upstream, question, options));
    } catch (error) {
      if (!(error instanceof ExchangeError || error instanceof MalformedMessageError)) throw error;
      this.#options.logger.debug({ err: error }, "upstream DNS server gave no answer");
      return undefined;
    }
  }

  #fail(): "failed" {
    this.counts.failed += 1;
    return "failed";
  }

  #rememberFailure(key: string): void {
    for (const [other, atMs] of this.#failures) {
      if (this.#isRecent(atMs) && this.#failures.size < MAX_FAILURES) break;
      this.#failures.delete(other);
    }
    this.#failures.set(key, this.#options.clock.now());
  }

  #isRecent(atMs: number): boolean {
    const agoMs = this.#options.clock.now() - atMs;
    return agoMs >= 0 && agoMs < FAILURE_MS;
  }
}

/** Names in other letters are the same; what DNSSEC-aware clients get is not. */
function keyOf({ bytes, dnssecOk, checkingDisabled }: Question): string {
  return `${lowerCaseName(bytes.subarray(0, -4)).toString("latin1")}${bytes.toString("latin1", bytes.length - 4)}${dnssecOk ? 1 : 0}${checkingDisabled ? 1 : 0}`;
}
