/**
 * One request to a backend and its answer, whatever version of HTTP the backend speaks. Implemented
 * over `http1-connections.ts` and `http2-connections.ts`, used by `forward-request.ts`.
 */
import type { Socket } from "node:net";
import type { BodyFraming } from "./forwarded-headers.ts";
import type { RawHeaders } from "./request-target.ts";

export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** With `Host`; without what frames the body or concerns the connection. */
  readonly headers: RawHeaders;
  readonly framing: BodyFraming;
  /** The protocol that the client wants to go on with. */
  readonly upgrade: string | undefined;
  /** Whether the client takes trailers, as gRPC clients say with `TE: trailers`. */
  readonly trailers: boolean;
  /** Until the answer begins, as long as nothing moves; 0 for no bound. */
  readonly answerTimeoutMs: number;
}

export interface AnswerHead {
  readonly status: number;
  readonly message: string;
  readonly headers: RawHeaders;
  /** Nothing follows, neither body nor trailers. */
  readonly isAll: boolean;
}

/**
 * refused: not a byte of the request can have been read. unanswered: it was sent, and the connection
 * ended before an answer began. late: the answer did not begin in time. truncated: it began.
 */
export type Failure = "refused" | "unanswered" | "late" | "truncated";

/** In this order; after `failed`, `end` or `upgraded` only `closed` follows. */
export interface ExchangeEvents {
  /** There is a connection: the body may be sent. */
  ready(): void;
  /** The backend takes more of the body. */
  drained(): void;
  head(head: AnswerHead): void;
  data(bytes: Buffer): void;
  /** More of the answer is to come, and is not there yet. */
  awaited(): void;
  end(trailers: RawHeaders): void;
  upgraded(head: AnswerHead, backend: Socket, first: Buffer): void;
  failed(failure: Failure): void;
  /** Nothing is on its way to the backend any more. */
  closed(): void;
}

export interface Exchange {
  /** False: wait for `drained`. */
  write(bytes: Buffer): boolean;
  endBody(trailers: RawHeaders): void;
  /** Stops reading the answer, for a client that is slower than the backend. */
  pause(): void;
  resume(): void;
  /** Gives the request up; `closed` follows, and nothing else. */
  abort(): void;
}

/** The connections to one backend. */
export interface BackendConnections {
  /** @throws UnsendableError */
  open(request: OutgoingRequest, events: ExchangeEvents): Exchange;
  /** Lets go of idle connections now, and of the others after their answers. */
  retire(): void;
}

/** A request that this version of HTTP cannot carry. */
export class UnsendableError extends Error {
  override readonly name = "UnsendableError";
}

/** What may stand in a value; HTTP/2 and filters could bring other characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const URL_TEXT = /^[\x21-\x7e\x80-\xff]+$/;

/** @throws UnsendableError for what could end a line early, or is no header */
export function checkSendable({ method, url, headers }: OutgoingRequest): void {
  if (!NAME.test(method) || !URL_TEXT.test(url)) throw new UnsendableError("bad request line");
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (!NAME.test(headers[at] ?? "") || !VALUE.test(headers[at + 1] ?? ""))
      throw new UnsendableError("bad header");
}
