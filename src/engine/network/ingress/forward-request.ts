/**
 * Sends one request to a backend and its answer to the client, streaming both ways at the pace of
 * the slower side. A connection that was refused carried no byte: the next backend is tried. What
 * has been sent is sent again only when it has no body, is idempotent (RFC 9110 §9.2.2) and was not
 * answered.
 */
import type { Socket } from "node:net";
import type { Clock } from "../../../client/clock.ts";
import { backendKey } from "../service-routes.ts";
import {
  cutOff,
  endResponse,
  headersToClient,
  isGone,
  type ProxyRequest,
  type ProxyResponse,
  whenDrained,
  writeBody,
  writeHead,
} from "./client-response.ts";
import {
  type AnswerHead,
  type Exchange,
  type ExchangeEvents,
  type Failure,
  UnsendableError,
} from "./exchange.ts";
import type { BodyFraming } from "./forwarded-headers.ts";
import type { RawHeaders, Refusal } from "./request-target.ts";
import type { Copies } from "./mirror-request.ts";
import { framingOf, hasBody, outgoingRequest, type SentAs } from "./outgoing-request.ts";
import type { Lease, ServiceBackends } from "./service-backends.ts";

export interface ForwardOptions extends SentAs {
  readonly backends: ServiceBackends;
  /** The client's address. */
  readonly client: string;
  readonly clock: Clock;
  /** Of one attempt, from when it is begun. @default no bound but those of `limits` */
  readonly attemptTimeoutMs?: number | undefined;
  /** Once past, the client is answered 504, or cut off. */
  readonly endMs?: number | undefined;
  /** Get the body, too. */
  readonly copies?: Copies | undefined;
  /** Changes the headers of the backend's answer. */
  readonly editAnswer?: ((headers: string[]) => string[]) | undefined;
  /** Told before each attempt. */
  readonly onAttempt?: ((lease: Lease) => void) | undefined;
  /** Told of bytes of the answer's body. */
  readonly onBytes?: ((count: number) => void) | undefined;
  /** Set when the client asks to leave HTTP: the protocol, and who takes over when it is agreed. */
  readonly upgrade?:
    | {
        readonly protocol: string;
        readonly take: (head: AnswerHead, backend: Socket, first: Buffer) => void;
      }
    | undefined;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** Backends tried for one request, and times that it is sent, before the client is told. */
const MAX_ATTEMPTS = 8;
const MAX_SENDS = 3;

const NO_BACKEND: Refusal = { status: 503, message: "no endpoint of the service takes requests" };
const NO_ANSWER: Refusal = {
  status: 502,
  message: "the endpoint closed the connection before it answered",
};
const LATE: Refusal = { status: 504, message: "the endpoint did not answer in time" };
const UNSENDABLE: Refusal = { status: 400, message: "the request cannot be sent to HTTP/1.1" };
const NO_UPGRADE: Refusal = { status: 502, message: "the endpoint speaks HTTP/2 only" };

/** How one attempt ended: with an answer on its way, with one to give, or to be tried again. */
type Attempt = "answered" | "refused" | "unanswered" | Refusal;

/**
 * Resolves to what to answer instead when no backend did; to undefined once the answer of one is on
 * its way, or the client has gone.
 */
export async function forwardRequest(
  request: ProxyRequest,
  response: ProxyResponse,
  options: ForwardOptions,
): Promise<Refusal | undefined> {
  const { backends, clock, limits, client } = options;
  const framing = framingOf(request);
  const mayRepeat = !hasBody(framing) && IDEMPOTENT.has(request.method ?? "");
  const refused = new Set<string>();
  const waitUntilMs = Math.min(clock.now() + limits.backendWaitMs, options.endMs ?? Infinity);
  let sends = 0;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && !isGone(response); ) {
    if (options.endMs !== undefined && clock.now() >= options.endMs) return LATE;
    let lease = backends.take(client, refused);
    if (lease === undefined) {
      const leftMs = waitUntilMs - clock.now();
      if (leftMs <= 0) lease = backends.takeLastResort(client, refused);
      else {
        // Those that refused have just ended, and their replacement may be on its way.
        await backends.changed(leftMs);
        refused.clear();
        continue;
      }
    }
    if (lease === undefined) return NO_BACKEND;
    if (options.upgrade !== undefined && lease.isHttp2) {
      lease.release();
      return NO_UPGRADE;
    }
    attempt++;
    options.onAttempt?.(lease);
    const outcome = await new Attempting(request, response, lease, framing, options).outcome;
    if (outcome === "answered") return undefined;
    if (outcome === "refused") refused.add(backendKey(lease.backend));
    else if (outcome === "unanswered") {
      if (!mayRepeat || ++sends >= MAX_SENDS) return NO_ANSWER;
    } else return outcome;
  }
  return isGone(response) ? undefined : NO_BACKEND;
}

/** One attempt at one backend. */
class Attempting implements ExchangeEvents {
  readonly outcome: Promise<Attempt>;
  readonly #request: ProxyRequest;
  readonly #response: ProxyResponse;
  readonly #lease: Lease;
  readonly #framing: BodyFraming;
  readonly #options: ForwardOptions;
  readonly #cancels: (() => void)[] = [];
  #settle: (outcome: Attempt) => void = () => undefined;
  #exchange: Exchange | undefined;
  #isSending = false;
  #hasHead = false;
  #isPaused = false;
  #isAborted = false;
  #isOver = false;
  /** The head waits for the first bytes of the body, to go with them. */
  #heldHead: AnswerHead | undefined;
  #heldBody: Buffer | undefined;

  constructor(
    request: ProxyRequest,
    response: ProxyResponse,
    lease: Lease,
    framing: BodyFraming,
    options: ForwardOptions,
  ) {
    this.#request = request;
    this.#response = response;
    this.#lease = lease;
    this.#framing = framing;
    this.#options = options;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#start();
  }

  #start(): void {
    const { clock, attemptTimeoutMs, endMs } = this.#options;
    const outgoing = outgoingRequest(this.#request, this.#options);
    this.#response.once("close", this.#onClientGone);
    if (attemptTimeoutMs !== undefined)
      this.#cancels.push(clock.after(attemptTimeoutMs, () => this.#timeOut()));
    if (endMs !== undefined)
      this.#cancels.push(clock.after(Math.max(0, endMs - clock.now()), () => this.#timeOut()));
    try {
      this.#exchange = this.#lease.connections.open(outgoing, this);
    } catch (error) {
      this.closed();
      if (!(error instanceof UnsendableError)) throw error;
      this.#settle(UNSENDABLE);
      return;
    }
    // `ready` comes before this on a kept connection.
    if (this.#isSending) this.#sendBody();
    if (isGone(this.#response)) this.#abort();
  }

  ready(): void {
    if (!hasBody(this.#framing)) return;
    this.#isSending = true;
    if (this.#exchange !== undefined) this.#sendBody();
  }
  drained(): void {
    if (this.#isSending) this.#request.resume();
  }

  head(head: AnswerHead): void {
    this.#hasHead = true;
    this.#heldHead = head;
    // An answer whose body takes its time, such as an event stream: the client gets the head now.
    setImmediate(() => this.#flush());
  }

  data(bytes: Buffer): void {
    this.#options.onBytes?.(bytes.length);
    if (this.#heldHead !== undefined && this.#heldBody === undefined) {
      this.#heldBody = bytes;
      return;
    }
    this.#flush();
    if (!this.#isAborted) this.#write(bytes);
  }

  end(trailers: RawHeaders): void {
    const last = this.#heldBody;
    this.#heldBody = undefined;
    if (!this.#writeHead()) return;
    endResponse(this.#response, trailers, last);
  }

  upgraded(head: AnswerHead, backend: Socket, first: Buffer): void {
    this.#settle("answered");
    this.#response.off("close", this.#onClientGone);
    this.#options.upgrade?.take(head, backend, first);
  }

  failed(failure: Failure): void {
    if (failure === "truncated") {
      this.#flush();
      cutOff(this.#response);
    } else if (failure === "late") this.#settle(LATE);
    // What was taken from the client cannot be sent a second time.
    else this.#settle(this.#isSending && failure === "refused" ? NO_ANSWER : failure);
  }

  closed(): void {
    this.#isOver = true;
    for (const cancel of this.#cancels) cancel();
    this.#response.off("close", this.#onClientGone);
    if (this.#isSending) this.#stopBody();
    this.#lease.release();
  }

  /** Writes what was held back for the rest of the answer. */
  #flush(): void {
    const held = this.#heldBody;
    this.#heldBody = undefined;
    if (this.#heldHead === undefined || !this.#writeHead()) return;
    if (held !== undefined) this.#write(held);
    else if ("flushHeaders" in this.#response && !isGone(this.#response))
      this.#response.flushHeaders();
  }

  /** False when there is nothing to write to. */
  #writeHead(): boolean {
    const head = this.#heldHead;
    this.#heldHead = undefined;
    if (head !== undefined) {
      this.#settle("answered");
      if (isGone(this.#response)) return false;
      const headers = headersToClient(head.headers);
      try {
        writeHead(this.#response, head, this.#options.editAnswer?.(headers) ?? headers);
      } catch {
        // The backend's headers are none that can be passed on.
        cutOff(this.#response);
        this.#abort();
        return false;
      }
    }
    return !this.#isAborted && !isGone(this.#response);
  }

  #write(bytes: Buffer): void {
    if (isGone(this.#response) || writeBody(this.#response, bytes) || this.#isPaused) return;
    this.#isPaused = true;
    this.#exchange?.pause();
    whenDrained(this.#response, () => {
      this.#isPaused = false;
      // The connection may serve another request by now.
      if (!this.#isOver) this.#exchange?.resume();
    });
  }

  #sendBody(): void {
    const request = this.#request;
    request.on("data", this.#onBody);
    request.once("end", this.#onBodyEnd);
    request.once("aborted", this.#onClientGone);
    request.once("error", this.#onClientGone);
    request.resume();
  }
  readonly #onBody = (bytes: Buffer): void => {
    this.#options.copies?.write(bytes);
    if (this.#exchange?.write(bytes) === false) this.#request.pause();
  };
  readonly #onBodyEnd = (): void => {
    this.#options.copies?.end();
    this.#exchange?.endBody(this.#request.rawTrailers);
  };
  #stopBody(): void {
    const request = this.#request;
    request.off("data", this.#onBody);
    request.off("end", this.#onBodyEnd);
    request.off("aborted", this.#onClientGone);
    request.off("error", this.#onClientGone);
    // What the backend did not want must not hold up the connection.
    request.resume();
  }

  readonly #onClientGone = (): void => {
    this.#abort();
    this.#settle("answered");
  };

  #timeOut(): void {
    const hadHead = this.#hasHead && this.#heldHead === undefined;
    this.#abort();
    if (hadHead) cutOff(this.#response);
    else this.#settle(LATE);
  }

  #abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#heldHead = undefined;
    this.#options.copies?.abort();
    this.#exchange?.abort();
  }
}
