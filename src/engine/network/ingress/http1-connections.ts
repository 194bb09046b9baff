/**
 * HTTP/1.1 to one backend: connections are kept for the next request while the backend takes new
 * ones. On plain sockets, since `node:http`'s client costs more than all the rest of the proxy
 * (docs/decisions); what clients send has passed Node's parser, answers pass `answer-reader.ts`.
 */
import type { Socket } from "node:net";
import type { Clock } from "../../../client/clock.ts";
import { type AnswerEvents, AnswerError, AnswerReader } from "./answer-reader.ts";
import type { Dial } from "./dial.ts";
import {
  type AnswerHead,
  type BackendConnections,
  checkSendable,
  type Exchange,
  type ExchangeEvents,
  type OutgoingRequest,
} from "./exchange.ts";
import { requestHead } from "./http1-request-head.ts";
import type { IngressLimits } from "./ingress-limits.ts";

/** A backend may close an idle connection at any moment; servers wait for longer than this. */
const MAX_IDLE_MS = 1_000;
/** Connections kept for one backend beyond those in use. */
const MAX_KEPT = 256;

const LAST_CHUNK = Buffer.from("0\r\n\r\n", "latin1");
const LINE_END = Buffer.from("\r\n", "latin1");

export interface ConnectionsOptions {
  readonly dial: Dial;
  readonly clock: Clock;
  readonly limits: IngressLimits;
}

export class Http1Connections implements BackendConnections {
  readonly #options: ConnectionsOptions;
  /** The one that was used last comes first: the others age, and go. */
  readonly #idle: Connection[] = [];
  #retired = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  open(request: OutgoingRequest, events: ExchangeEvents): Exchange {
    checkSendable(request);
    const connection =
      this.#takeIdle() ??
      new Connection(
        this.#options,
        (one) => this.#keep(one),
        (one) => this.#forget(one),
      );
    connection.begin(request, events);
    return connection;
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #takeIdle(): Connection | undefined {
    const usableSinceMs = this.#options.clock.now() - MAX_IDLE_MS;
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      if (one.isOpen && one.idleSinceMs >= usableSinceMs) return one;
      one.close();
    }
    return undefined;
  }

  #forget(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #keep(connection: Connection): void {
    if (this.#retired || this.#idle.length >= MAX_KEPT) connection.close();
    else this.#idle.push(connection);
  }
}

class Connection implements Exchange, AnswerEvents {
  readonly #options: ConnectionsOptions;
  readonly #onIdle: (connection: Connection) => void;
  readonly #onGone: (connection: Connection) => void;
  readonly #reader = new AnswerReader();
  readonly #socket: Socket;
  readonly #cancelConnect: () => void;
  #request: OutgoingRequest | undefined;
  #events: ExchangeEvents | undefined;
  #isConnected = false;
  #isLate = false;
  #hasHead = false;
  #isBodySent = false;
  idleSinceMs = 0;

  constructor(
    options: ConnectionsOptions,
    onIdle: (connection: Connection) => void,
    onGone: (connection: Connection) => void,
  ) {
    this.#options = options;
    this.#onIdle = onIdle;
    this.#onGone = onGone;
    const { dial, clock, limits } = options;
    const socket = dial();
    this.#socket = socket;
    this.#cancelConnect = clock.after(limits.connectTimeoutMs, () => socket.destroy());
    socket.setTimeout(limits.answerTimeoutMs);
    socket.once("connect", () => this.#onConnect());
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("drain", () => this.#events?.drained());
    socket.on("timeout", () => {
      this.#isLate = true;
      socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readable;
  }

  begin(request: OutgoingRequest, events: ExchangeEvents): void {
    this.#request = request;
    this.#events = events;
    this.#hasHead = false;
    this.#isBodySent = request.framing === "none";
    this.#reader.start(request.method);
    if (this.#isConnected) this.#send();
  }

  close(): void {
    this.#socket.destroy();
  }

  write(bytes: Buffer): boolean {
    if (this.#request?.framing !== "chunked") return this.#socket.write(bytes);
    if (bytes.length === 0) return true;
    this.#socket.cork();
    this.#socket.write(`${bytes.length.toString(16)}\r\n`, "latin1");
    this.#socket.write(bytes);
    const takesMore = this.#socket.write(LINE_END);
    this.#socket.uncork();
    return takesMore;
  }
  /** Trailers end here: few servers expect them, and they are a way to smuggle headers in. */
  endBody(): void {
    this.#isBodySent = true;
    if (this.#request?.framing === "chunked") this.#socket.write(LAST_CHUNK);
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
  abort(): void {
    const events = this.#events;
    this.#events = undefined;
    this.#socket.destroy();
    events?.closed();
  }

  head(head: AnswerHead): void {
    this.#hasHead = true;
    if (head.status === 101) return this.#onUpgrade(head);
    if (!head.isAll) this.#socket.setTimeout(this.#options.limits.streamIdleTimeoutMs);
    this.#events?.head(head);
  }
  data(bytes: Buffer): void {
    this.#events?.data(bytes);
  }
  end(trailers: readonly string[]): void {
    const events = this.#events;
    this.#events = undefined;
    events?.end(trailers);
    events?.closed();
  }

  #upgraded: { readonly head: AnswerHead; readonly events: ExchangeEvents } | undefined;
  #onUpgrade(head: AnswerHead): void {
    const events = this.#events;
    this.#events = undefined;
    if (events === undefined || this.#request?.upgrade === undefined) {
      // Nobody asked for it.
      events?.failed("truncated");
      events?.closed();
      this.#socket.destroy();
    } else this.#upgraded = { head, events };
  }

  #onConnect(): void {
    this.#isConnected = true;
    this.#cancelConnect();
    if (this.#events !== undefined) this.#send();
  }

  #send(): void {
    const request = this.#request;
    if (request === undefined) return;
    if (this.#socket.timeout !== request.answerTimeoutMs)
      this.#socket.setTimeout(request.answerTimeoutMs);
    this.#socket.write(requestHead(request), "latin1");
    this.#events?.ready();
  }

  #onData(bytes: Buffer): void {
    if (this.#reader.isDone) {
      // A backend that speaks without being asked: what it says is nobody's answer.
      this.#socket.destroy();
      return;
    }
    let rest: Buffer;
    try {
      rest = this.#reader.feed(bytes, this);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      this.#socket.destroy();
      return;
    }
    if (!this.#reader.isDone) {
      this.#events?.awaited();
      return;
    }
    if (this.#upgraded !== undefined) this.#handOver(rest);
    else if (this.#isReusable(rest)) {
      this.idleSinceMs = this.#options.clock.now();
      this.#socket.resume();
      this.#onIdle(this);
    } else this.#socket.destroy();
  }

  #isReusable(rest: Buffer): boolean {
    return rest.length === 0 && this.#isBodySent && this.#reader.keepsAlive && this.isOpen;
  }

  #handOver(first: Buffer): void {
    const upgraded = this.#upgraded;
    this.#socket.removeAllListeners();
    this.#socket.setTimeout(0);
    this.#socket.on("error", () => this.#socket.destroy());
    upgraded?.events.upgraded(upgraded.head, this.#socket, Buffer.from(first));
    upgraded?.events.closed();
  }

  #onEnd(): void {
    if (this.#reader.endsWithConnection) this.end([]);
    this.#socket.destroy();
  }

  #onClose(): void {
    this.#cancelConnect();
    const events = this.#events;
    this.#events = undefined;
    if (events === undefined) return this.#onGone(this);
    if (this.#hasHead) events.failed("truncated");
    else if (this.#isLate) events.failed("late");
    else events.failed(this.#isConnected ? "unanswered" : "refused");
    events.closed();
  }
}
