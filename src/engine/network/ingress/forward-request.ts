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
  answer,
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
  type OutgoingRequest,
  UnsendableError,
} from "./exchange.ts";
import type { RawHeaders, Refusal } from "./request-target.ts";
import type { Copies } from "./mirror-request.ts";
import { hasBody, outgoingRequest, type SentAs } from "./outgoing-request.ts";
import type { Lease, ServiceBackends } from "./service-backends.ts";

export interface ForwardOptions extends SentAs {
  /** The client's address. */
  readonly client: string;
  readonly clock: Clock;
  /** Of one attempt, from when it is begun. @default no bound but those of `limits` */
  readonly attemptTimeoutMs?: number | undefined;
  /** Of all attempts and the whole answer: then the client is answered 504, or cut off. */
  readonly requestTimeoutMs?: number | undefined;
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

const NOBODY: ReadonlySet<string> = new Set();

/** A request on its way. */
export interface Forwarding {
  /** The client has left, or has its whole answer. */
  clientGone(): void;
}

/** Sees to it that the client gets an answer, the backend's or the proxy's own. */
export function forwardRequest(
  request: ProxyRequest,
  response: ProxyResponse,
  backends: ServiceBackends,
  options: ForwardOptions,
): Forwarding {
  const forwarding = new ForwardedRequest(request, response, backends, options);
  forwarding.attempt();
  return forwarding;
}

/**
 * One attempt after the other, each an exchange whose events come here: a single object for the whole
 * request, without promises in between, since this is what the proxy does most of its time.
 */
class ForwardedRequest implements Forwarding, ExchangeEvents {
  readonly #request: ProxyRequest;
  readonly #response: ProxyResponse;
  readonly #backends: ServiceBackends;
  readonly #options: ForwardOptions;
  readonly #outgoing: OutgoingRequest;
  readonly #hasBody: boolean;
  #lease: Lease | undefined;
  #exchange: Exchange | undefined;
  #attempts = 0;
  #sends = 0;
  /** Keys of backends that refused the connection. */
  #refused: Set<string> | undefined;
  #waitUntilMs: number | undefined;
  #cancelAttempt: (() => void) | undefined;
  #cancelRequest: (() => void) | undefined;
  #failure: Failure | undefined;
  #body: BodyPump | undefined;
  #hasHead = false;
  #isPaused = false;
  /** Nothing more is done for it. */
  #isOver = false;
  /** The head waits for the first bytes of the body, to go with them. */
  #heldHead: AnswerHead | undefined;
  #heldBody: Buffer | undefined;

  constructor(
    request: ProxyRequest,
    response: ProxyResponse,
    backends: ServiceBackends,
    options: ForwardOptions,
  ) {
    this.#request = request;
    this.#response = response;
    this.#backends = backends;
    this.#options = options;
    this.#outgoing = outgoingRequest(request, options);
    this.#hasBody = hasBody(this.#outgoing.framing);
    const { requestTimeoutMs, clock } = options;
    if (requestTimeoutMs !== undefined)
      this.#cancelRequest = clock.after(requestTimeoutMs, () => this.#timeOut());
  }

  attempt(): void {
    if (this.#isOver) return;
    const { clock, attemptTimeoutMs, upgrade, onAttempt } = this.#options;
    const lease = this.#takeLease();
    if (lease === undefined) return;
    this.#lease = lease;
    this.#failure = undefined;
    if (upgrade !== undefined && lease.isHttp2) return this.#refuse(NO_UPGRADE);
    this.#attempts++;
    onAttempt?.(lease);
    if (attemptTimeoutMs !== undefined)
      this.#cancelAttempt = clock.after(attemptTimeoutMs, () => this.#timeOut());
    try {
      this.#exchange = lease.connections.open(this.#outgoing, this);
    } catch (error) {
      this.#refuse(UNSENDABLE);
      if (!(error instanceof UnsendableError)) throw error;
      return;
    }
    // `ready` comes before this on a kept connection.
    this.#body?.start(this.#exchange);
  }

  clientGone(): void {
    if (!this.#isOver) this.#end();
  }

  ready(): void {
    if (!this.#hasBody) return;
    this.#body = new BodyPump(this.#request, this.#options.copies, () => this.clientGone());
    if (this.#exchange !== undefined) this.#body.start(this.#exchange);
  }
  drained(): void {
    this.#body?.resume();
  }

  head(head: AnswerHead): void {
    this.#hasHead = true;
    this.#heldHead = head;
  }

  data(bytes: Buffer): void {
    this.#options.onBytes?.(bytes.length);
    if (this.#heldHead !== undefined && this.#heldBody === undefined) {
      this.#heldBody = bytes;
      return;
    }
    this.#flush();
    if (!this.#isOver) this.#write(bytes);
  }

  /** An answer whose body takes its time, such as an event stream: the client gets the head now. */
  awaited(): void {
    if (!this.#isOver && this.#heldHead !== undefined) this.#flush();
  }

  end(trailers: RawHeaders): void {
    const last = this.#heldBody;
    this.#heldBody = undefined;
    if (this.#writeHead()) endResponse(this.#response, trailers, last);
  }

  upgraded(head: AnswerHead, backend: Socket, first: Buffer): void {
    this.#isOver = true;
    this.#options.upgrade?.take(head, backend, first);
  }

  failed(failure: Failure): void {
    this.#failure = failure;
  }

  closed(): void {
    this.#cancelAttempt?.();
    this.#cancelAttempt = undefined;
    const body = this.#body;
    body?.stop();
    this.#exchange = undefined;
    const lease = this.#lease;
    this.#lease = undefined;
    lease?.release();
    if (this.#failure === undefined) return this.#finish();
    if (this.#isOver) return;
    if (this.#failure === "truncated") {
      this.#flush();
      cutOff(this.#response);
      this.#finish();
    } else this.#goOn(this.#failure, lease, body !== undefined);
  }

  /** After an attempt without an answer. */
  #goOn(failure: Failure, lease: Lease | undefined, isBodyTaken: boolean): void {
    this.#body = undefined;
    if (failure === "late") return this.#refuse(LATE);
    // What was taken from the client cannot be sent a second time.
    if (isBodyTaken) return this.#refuse(NO_ANSWER);
    if (failure === "unanswered") {
      const mayRepeat = !this.#hasBody && IDEMPOTENT.has(this.#outgoing.method);
      if (!mayRepeat || ++this.#sends >= MAX_SENDS) return this.#refuse(NO_ANSWER);
    } else if (lease !== undefined) {
      this.#refused ??= new Set();
      this.#refused.add(backendKey(lease.backend));
    }
    if (this.#attempts >= MAX_ATTEMPTS) return this.#refuse(NO_BACKEND);
    this.attempt();
  }

  /** Undefined: it comes back later, or has answered. */
  #takeLease(): Lease | undefined {
    const { client, clock, limits } = this.#options;
    const backends = this.#backends;
    const refused = this.#refused ?? NOBODY;
    const lease = backends.take(client, refused);
    if (lease !== undefined) return lease;
    const nowMs = clock.now();
    this.#waitUntilMs ??= nowMs + limits.backendWaitMs;
    const leftMs = this.#waitUntilMs - nowMs;
    if (leftMs <= 0) {
      const last = backends.takeLastResort(client, refused);
      if (last === undefined) this.#refuse(NO_BACKEND);
      return last;
    }
    // Those that refused have just ended, and their replacement may be on its way.
    this.#refused = undefined;
    void backends.changed(leftMs).then(() => this.attempt());
    return undefined;
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
    if (this.#isOver || isGone(this.#response)) return false;
    if (head === undefined) return true;
    const headers = headersToClient(head.headers);
    try {
      writeHead(this.#response, head, this.#options.editAnswer?.(headers) ?? headers);
      return true;
    } catch {
      // The backend's headers are none that can be passed on.
      this.#end();
      cutOff(this.#response);
      return false;
    }
  }

  #write(bytes: Buffer): void {
    if (isGone(this.#response) || writeBody(this.#response, bytes) || this.#isPaused) return;
    this.#isPaused = true;
    this.#exchange?.pause();
    whenDrained(this.#response, () => {
      this.#isPaused = false;
      // The connection may serve another request by now.
      this.#exchange?.resume();
    });
  }

  #timeOut(): void {
    if (this.#isOver) return;
    if (this.#hasHead && this.#heldHead === undefined) {
      this.#end();
      cutOff(this.#response);
    } else this.#refuse(LATE);
  }

  #refuse(refusal: Refusal): void {
    this.#end();
    if (!isGone(this.#response)) answer(this.#request, this.#response, refusal);
  }

  /** Lets go of everything, the backend's answer included. */
  #end(): void {
    this.#finish();
    this.#heldHead = undefined;
    this.#options.copies?.abort();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    // `closed` follows, and releases the lease.
    if (exchange !== undefined) exchange.abort();
    else {
      this.#lease?.release();
      this.#lease = undefined;
    }
  }

  #finish(): void {
    this.#isOver = true;
    this.#cancelAttempt?.();
    this.#cancelRequest?.();
  }
}

/** Passes the body of a request on, at the pace of the backend. */
class BodyPump {
  readonly #request: ProxyRequest;
  readonly #copies: Copies | undefined;
  readonly #onGone: () => void;
  #exchange: Exchange | undefined;

  constructor(request: ProxyRequest, copies: Copies | undefined, onGone: () => void) {
    this.#request = request;
    this.#copies = copies;
    this.#onGone = onGone;
  }

  start(exchange: Exchange): void {
    if (this.#exchange !== undefined) return;
    this.#exchange = exchange;
    const request = this.#request;
    request.on("data", this.#onData);
    request.once("end", this.#onEnd);
    request.once("aborted", this.#onGone);
    request.once("error", this.#onGone);
    request.resume();
  }
  resume(): void {
    this.#request.resume();
  }
  stop(): void {
    const request = this.#request;
    request.off("data", this.#onData);
    request.off("end", this.#onEnd);
    request.off("aborted", this.#onGone);
    request.off("error", this.#onGone);
    // What the backend did not want must not hold up the connection.
    request.resume();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#copies?.write(bytes);
    if (this.#exchange?.write(bytes) === false) this.#request.pause();
  };
  readonly #onEnd = (): void => {
    this.#copies?.end();
    this.#exchange?.endBody(this.#request.rawTrailers);
  };
}
