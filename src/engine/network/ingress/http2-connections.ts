/**
 * HTTP/2 without TLS to one backend (`appProtocol: kubernetes.io/h2c`, gRPC): many requests share a
 * session, a further one is opened when the backend takes no more on it. Sessions that are let go
 * of finish what is on them.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import type { ConnectionsOptions } from "./http1-connections.ts";
import {
  type BackendConnections,
  checkSendable,
  type Exchange,
  type ExchangeEvents,
  type OutgoingRequest,
} from "./exchange.ts";
import { headerMap, trailerMap } from "./forwarded-headers.ts";
import type { RawHeaders } from "./request-target.ts";

/** Sessions to one backend; with 100 requests on each, more than one process answers at once. */
const MAX_SESSIONS = 16;
/** Requests on one session of a backend that states no limit. */
const MAX_STREAMS = 1_000;

export class Http2Connections implements BackendConnections {
  readonly #options: ConnectionsOptions;
  readonly #sessions = new Set<Session>();
  #retired = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  open(request: OutgoingRequest, events: ExchangeEvents): Exchange {
    checkSendable(request);
    return new StreamExchange(this.#session(), request, events, this.#options);
  }

  retire(): void {
    this.#retired = true;
    for (const { http2 } of this.#sessions) http2.close();
    this.#sessions.clear();
  }

  #session(): Session {
    let least: Session | undefined;
    for (const session of this.#sessions) {
      if (!session.takesRequests) {
        this.#sessions.delete(session);
        continue;
      }
      if (session.hasRoom) return session;
      if (least === undefined || session.streams < least.streams) least = session;
    }
    if (least !== undefined && this.#sessions.size >= MAX_SESSIONS) return least;
    const session = new Session(this.#options, () => {
      this.#sessions.delete(session);
      // After its last request: nobody else would close it.
      if (this.#retired) session.http2.close();
    });
    if (!this.#retired) this.#sessions.add(session);
    else session.closesWhenIdle = true;
    return session;
  }
}

class Session {
  readonly http2: ClientHttp2Session;
  streams = 0;
  closesWhenIdle = false;
  isConnected = false;
  /** Resolves once it is connected, or cannot be. */
  readonly connected: Promise<void>;

  constructor({ dial, clock, limits }: ConnectionsOptions, onGone: () => void) {
    const session = connect("http://backend.invalid", {
      createConnection: () => dial(),
      settings: { enablePush: false },
    });
    this.http2 = session;
    const cancelConnect = clock.after(limits.connectTimeoutMs, () => session.destroy());
    session.once("connect", () => {
      this.isConnected = true;
      cancelConnect();
    });
    session.on("error", () => session.destroy());
    session.once("goaway", onGone);
    session.once("close", () => {
      cancelConnect();
      onGone();
    });
    // The backend's limit of requests is known from its settings on.
    this.connected = new Promise((resolve) => {
      session.once("remoteSettings", () => resolve());
      session.once("close", () => resolve());
    });
  }

  get takesRequests(): boolean {
    return !this.http2.closed && !this.http2.destroyed;
  }
  get hasRoom(): boolean {
    const limit = this.isConnected
      ? (this.http2.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS)
      : MAX_STREAMS;
    return this.streams < Math.min(limit, MAX_STREAMS);
  }
  release(): void {
    this.streams--;
    if (this.closesWhenIdle && this.streams === 0) this.http2.close();
  }
}

class StreamExchange implements Exchange {
  readonly #session: Session;
  readonly #events: ExchangeEvents;
  readonly #options: ConnectionsOptions;
  #stream: ClientHttp2Stream | undefined;
  #trailers: RawHeaders = [];
  #received: RawHeaders = [];
  #hasHead = false;
  #isLate = false;
  #isOver = false;

  constructor(
    session: Session,
    request: OutgoingRequest,
    events: ExchangeEvents,
    options: ConnectionsOptions,
  ) {
    this.#session = session;
    this.#events = events;
    this.#options = options;
    session.streams++;
    if (session.isConnected) queueMicrotask(() => this.#begin(request));
    else void session.connected.then(() => this.#begin(request));
  }

  write(bytes: Buffer): boolean {
    return this.#stream?.write(bytes) ?? true;
  }
  endBody(trailers: RawHeaders): void {
    this.#trailers = trailers;
    this.#stream?.end();
  }
  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }
  abort(): void {
    if (this.#isOver) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#finish();
  }

  #begin(request: OutgoingRequest): void {
    if (this.#isOver) return;
    const { http2, takesRequests, isConnected } = this.#session;
    if (!takesRequests || !isConnected) return this.#fail("refused");
    const hasBody = request.framing !== "none";
    let stream: ClientHttp2Stream;
    try {
      stream = http2.request(headersOf(request), { endStream: !hasBody, waitForTrailers: hasBody });
    } catch {
      // Its last number was given out, or it closed in this very moment.
      return this.#fail("refused");
    }
    this.#stream = stream;
    stream.setTimeout(request.answerTimeoutMs, () => {
      this.#isLate = true;
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("wantTrailers", () => stream.sendTrailers(trailerMap(this.#trailers)));
    stream.on("drain", () => {
      if (!this.#isOver) this.#events.drained();
    });
    stream.on(
      "response",
      (
        headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
        flags: number,
        raw?: readonly string[],
      ) => this.#onHead(headers, flags, raw),
    );
    stream.on("trailers", (_headers: unknown, _flags: number, raw?: readonly string[]) => {
      this.#received = raw ?? [];
    });
    stream.on("data", (bytes: Buffer) => {
      if (!this.#isOver) this.#events.data(bytes);
    });
    stream.on("end", () => this.#onEnd(stream));
    stream.on("error", () => undefined);
    stream.on("close", () => this.#onClose(stream));
    this.#events.ready();
  }

  #onHead(
    headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
    flags: number,
    raw: readonly string[] | undefined,
  ): void {
    if (this.#isOver) return;
    this.#hasHead = true;
    this.#stream?.setTimeout(this.#options.limits.streamIdleTimeoutMs);
    this.#events.head({
      status: headers[":status"] ?? 502,
      message: "",
      headers: withoutPseudo(raw ?? []),
      isAll: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
    });
    // The first bytes come in the same turn, if they have come.
    setImmediate(() => {
      if (!this.#isOver) this.#events.awaited();
    });
  }

  #onEnd(stream: ClientHttp2Stream): void {
    // A stream that was reset ends, too.
    if (this.#isOver || !this.#hasHead || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    this.#events.end(withoutPseudo(this.#received));
    this.#finish();
    // What the backend did not want of the body.
    if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#isOver) return;
    if (this.#hasHead) this.#fail("truncated");
    else if (this.#isLate) this.#fail("late");
    // The backend says that it has not looked at the request (RFC 9113 §8.7).
    else if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) this.#fail("refused");
    else this.#fail("unanswered");
  }

  #fail(failure: "refused" | "unanswered" | "late" | "truncated"): void {
    this.#events.failed(failure);
    this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#session.release();
    this.#events.closed();
  }
}

function headersOf(request: OutgoingRequest): Record<string, string | string[]> {
  const { method, url, headers, framing, trailers } = request;
  const sent = headerMap(headers);
  const authority = sent["host"];
  delete sent["host"];
  if (typeof framing === "object") sent["content-length"] = framing.length;
  if (trailers) sent["te"] = "trailers";
  return {
    ":method": method,
    ":scheme": "http",
    ":path": url,
    ...(typeof authority === "string" ? { ":authority": authority } : {}),
    ...sent,
  };
}

function withoutPseudo(headers: RawHeaders): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.startsWith(":") !== true) kept.push(headers[at] ?? "", headers[at + 1] ?? "");
  return kept;
}
