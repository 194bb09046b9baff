/**
 * Relays HTTP/1.1 between a client and backends without changing a byte, but with knowledge of
 * message boundaries: each request goes to the backend with the fewest under way. When a backend
 * drains, the request in flight finishes and the next request of the same client connection goes to
 * another backend: the client sees no close and no reset. Connections that do not speak HTTP/1.x
 * (TLS, HTTP/2) and those that leave it (upgrades, CONNECT) become opaque TCP relays.
 */
import type { Socket } from "node:net";
import type { Balancer } from "./balancer.ts";
import { RequestReader, ResponseReader } from "./http-framing.ts";
import { FramingError } from "./http-head.ts";
import {
  CLIENT_STALL_MS,
  HEAD_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  LINGER_MS,
  MAX_REPLAY_BYTES,
  MAX_SENDS,
  REUSE_IDLE_MS,
} from "./http-relay-limits.ts";
import { errorResponse, type RelayError } from "./relay-error.ts";
import { type Backend, backendKey } from "./service-routes.ts";
import { splice } from "./tcp-relay.ts";
import { dial, type InFlight, MAX_ATTEMPTS } from "./upstream.ts";
import type { HttpUpstream, UpstreamPool, UpstreamUser } from "./upstream-pool.ts";

/** RFC 9110 §9.2.2: sending these twice has the effect of sending them once. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const NOTHING_REFUSED: ReadonlySet<string> = new Set();

export interface HttpRelay {
  /** Ends what has taken too long: slow heads, stalled bodies, clients that do not come back. */
  expire(nowMs: number): void;
  /** Nothing is under way. */
  readonly isIdle: boolean;
  /** The next answer, or the one under way, is the connection's last, and tells the client so. */
  drain(): void;
  /** Closes the client connection at once. */
  close(): void;
}

export interface HttpRelayOptions {
  /** The one that holds now: it may be another one for the next request. */
  readonly balancer: () => Balancer;
  readonly pool: UpstreamPool;
  readonly inFlight: InFlight;
  readonly nowMs: () => number;
  /** Used when no other has taken the request in time. */
  readonly lastResort: () => Balancer;
  /** How long a request waits for a backend that takes it. */
  readonly backendWaitMs: number;
  /** Resolves when backends have changed and there is one, or after `timeoutMs`. */
  readonly waitForBackend: (timeoutMs: number) => Promise<void>;
  readonly onClose: (relay: HttpRelay) => void;
}

/** Takes over a client connection. */
export function relayHttp(client: Socket, options: HttpRelayOptions): HttpRelay {
  return new Exchange(client, options);
}

/**
 * idle: between two messages, or reading a head. connecting: a request has no backend yet.
 * exchanging: request and response are under way. opaque: bytes are passed through. closed: nothing
 * more happens.
 */
type Phase = "idle" | "connecting" | "exchanging" | "opaque" | "closed";

class Exchange implements HttpRelay, UpstreamUser {
  readonly #client: Socket;
  readonly #clientAddress: string;
  readonly #options: HttpRelayOptions;
  readonly #request = new RequestReader();
  readonly #response = new ResponseReader();
  #phase: Phase = "idle";
  #upstream: HttpUpstream | undefined;
  /** The backend that counts as in flight because of this request, and who counts it. */
  #busy: { readonly backend: Backend; readonly balancer: Balancer } | undefined;
  /** When the current phase's waiting began: for the next request, its head, its body. */
  #sinceMs: number;
  #answered = 0;
  #requestDone = false;
  #responseStarted = false;
  #isDraining = false;
  #clientEnded = false;
  /** Another protocol: the connection gets a backend for itself. */
  #foreign = false;
  #sends = 0;
  /** The request's bytes so far, while it may have to be sent (again). */
  #replay: Buffer[] = [];
  #replayBytes = 0;
  /** Bytes of later requests: held until the current response is complete. */
  #held: Buffer[] = [];

  constructor(client: Socket, options: HttpRelayOptions) {
    this.#client = client;
    this.#clientAddress = client.remoteAddress ?? "";
    this.#options = options;
    this.#sinceMs = options.nowMs();
    for (const [event, listener] of this.#listeners) client.on(event, listener);
  }

  readonly #listeners: readonly (readonly [string, (bytes: Buffer) => void])[] = [
    ["data", (bytes) => this.#onClientData(bytes)],
    ["drain", () => this.#onClientDrain()],
    ["end", () => this.#onClientEnd()],
    ["error", () => this.#close()],
    ["close", () => this.#close()],
  ];

  expire(nowMs: number): void {
    const waitedMs = nowMs - this.#sinceMs;
    if (this.#phase === "idle") {
      if (!this.#request.started) {
        if (waitedMs >= KEEP_ALIVE_MS) this.#close();
      } else if (waitedMs >= HEAD_TIMEOUT_MS) this.#refuse("request-timeout");
    } else if (this.#phase === "exchanging" && waitedMs >= CLIENT_STALL_MS) {
      const doesNotRead = this.#client.writableNeedDrain;
      const doesNotSend = !this.#requestDone && !this.#client.isPaused();
      if (doesNotRead || (doesNotSend && this.#responseStarted)) this.#close();
      else if (doesNotSend) this.#refuse("request-timeout");
    }
  }

  get isIdle(): boolean {
    return this.#phase === "idle" && !this.#request.started;
  }

  drain(): void {
    this.#isDraining = true;
  }

  close(): void {
    this.#close();
  }

  #onClientData(bytes: Buffer): void {
    if (this.#phase === "opaque" || this.#phase === "closed") return;
    if (this.#requestDone || this.#foreign) {
      this.#hold(bytes);
      return;
    }
    if (this.#phase !== "idle" || !this.#request.started) this.#sinceMs = this.#options.nowMs();
    const own = this.#readRequest(bytes);
    if (own === undefined) return;
    this.#replay.push(own);
    this.#replayBytes += own.length;
    if (this.#phase === "idle") {
      if (this.#request.headDone || this.#foreign) this.#begin();
    } else if (this.#phase === "exchanging") this.#send(own);
    else if (this.#replayBytes > MAX_REPLAY_BYTES) this.#client.pause();
  }

  /** The part of `bytes` that belongs to the current request; the rest is held. */
  #readRequest(bytes: Buffer): Buffer | undefined {
    const from = this.#request.started || this.#phase !== "idle" ? 0 : emptyLines(bytes);
    if (from === bytes.length) return undefined;
    try {
      const end = this.#request.feed(bytes, from);
      this.#requestDone = this.#request.done;
      if (end < bytes.length) this.#hold(bytes.subarray(end));
      return from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      if (error.problem === "foreign" && this.#answered === 0) {
        this.#foreign = true;
        return bytes;
      }
      this.#refuse(error.problem);
      return undefined;
    }
  }

  /** Later requests wait for the answer to this one, so that boundaries stay clear. */
  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#client.pause();
  }

  /** A request has begun: over an idle connection to its backend, else over a new one. */
  #begin(): void {
    this.#response.requestMethod = this.#request.method;
    if (!this.#foreign) {
      const { pool } = this.#options;
      const balancer = this.#options.balancer();
      const backend = balancer.pick(this.#clientAddress, NOTHING_REFUSED);
      const upstream = backend && pool.take(backend, this.#reusableSinceMs());
      if (upstream !== undefined) {
        this.#occupy(upstream.backend, balancer);
        this.#startExchange(upstream);
        return;
      }
      this.#connect(backend);
      return;
    }
    this.#connect();
  }

  #reusableSinceMs(): number {
    return this.#isRepeatable() ? 0 : this.#options.nowMs() - REUSE_IDLE_MS;
  }

  #isRepeatable(): boolean {
    return !this.#foreign && IDEMPOTENT.has(this.#request.method);
  }

  /** `chosen`: the backend to try first. */
  #connect(chosen?: Backend): void {
    this.#phase = "connecting";
    this.#open(chosen).catch(() => this.#close());
  }

  async #open(chosen: Backend | undefined): Promise<void> {
    const upstream = await this.#reach(chosen);
    if (this.#phase !== "connecting") {
      this.#release();
      upstream?.destroy();
    } else if (upstream === undefined) this.#refuse("no-endpoint");
    else this.#startExchange(upstream);
  }

  /**
   * A backend that refuses has just ended, and its replacement may be on its way: to wait for it
   * is better than to fail. Undefined when none has taken the connection in time.
   */
  async #reach(chosen: Backend | undefined): Promise<HttpUpstream | undefined> {
    const { balancer, lastResort, nowMs, backendWaitMs, waitForBackend } = this.#options;
    const endMs = nowMs() + backendWaitMs;
    let first = chosen;
    for (;;) {
      const upstream = await this.#try(balancer(), first);
      first = undefined;
      const leftMs = endMs - nowMs();
      if (upstream !== undefined || this.#phase !== "connecting") return upstream;
      if (leftMs <= 0) return this.#try(lastResort());
      await waitForBackend(leftMs);
    }
  }

  /** A new connection: a refused one carried no byte, so trying the next backend is always safe. */
  async #try(balancer: Balancer, first?: Backend): Promise<HttpUpstream | undefined> {
    const refused = new Set<string>();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const chosen = attempt === 0 ? first : undefined;
      const backend = chosen ?? balancer.pick(this.#clientAddress, refused);
      if (backend === undefined || this.#phase !== "connecting") return undefined;
      this.#occupy(backend, balancer);
      const socket = await dial(backend);
      if (socket !== undefined) return this.#options.pool.adopt(backend, socket);
      this.#release();
      refused.add(backendKey(backend));
    }
    return undefined;
  }

  #startExchange(upstream: HttpUpstream): void {
    this.#upstream = upstream;
    upstream.user = this;
    this.#phase = "exchanging";
    this.#sends++;
    const { socket } = upstream;
    const [only] = this.#replay;
    if (this.#replay.length === 1 && only !== undefined) socket.write(only);
    else {
      socket.cork();
      for (const piece of this.#replay) socket.write(piece);
      socket.uncork();
    }
    if (this.#foreign) this.#splice();
    else if (!this.#requestDone) this.#client.resume();
  }

  #send(bytes: Buffer): void {
    if (this.#replayBytes > MAX_REPLAY_BYTES) this.#replay = [];
    if (this.#upstream?.socket.write(bytes) === false) this.#client.pause();
  }

  onUpstreamDrain(): void {
    if (!this.#requestDone) this.#client.resume();
  }

  onUpstreamData(received: Buffer): void {
    const isFirst = !this.#responseStarted;
    this.#responseStarted = true;
    // What the client is told ends the connection here, too: the field is read as the backend's own.
    const bytes = isFirst && this.#isDraining ? withConnectionClose(received) : received;
    let end: number;
    try {
      end = this.#response.feed(bytes);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      // Passed on as it is, over a connection that nobody else gets.
      this.#client.write(bytes);
      this.#splice();
      return;
    }
    // What follows a complete response belongs to nobody.
    const own = this.#response.done && end < bytes.length ? bytes.subarray(0, end) : bytes;
    if (this.#leavesHttp()) {
      this.#client.write(bytes);
      this.#splice();
      return;
    }
    const isTaken = this.#client.write(own);
    if (this.#response.done) this.#finish(end === bytes.length);
    else if (!isTaken) {
      this.#sinceMs = this.#options.nowMs();
      this.#upstream?.socket.pause();
    }
  }

  #leavesHttp(): boolean {
    if (!this.#response.headDone) return false;
    const { status } = this.#response;
    return status === 101 || (this.#request.method === "CONNECT" && status < 300);
  }

  /** The response is complete: both connections are free for the next request. */
  #finish(clean: boolean): void {
    const mayClose = this.#response.close || !clean || !this.#requestDone;
    const upstream = this.#upstream;
    this.#upstream = undefined;
    this.#release();
    if (upstream !== undefined) {
      const { balancer, pool, nowMs } = this.#options;
      if (mayClose || !balancer().isActive(upstream.backend)) upstream.destroy();
      else pool.put(upstream, nowMs());
    }
    if (mayClose || this.#clientEnded) {
      this.#end();
      return;
    }
    this.#phase = "idle";
    this.#sinceMs = this.#options.nowMs();
    this.#answered++;
    this.#request.reset();
    this.#response.reset();
    this.#requestDone = false;
    this.#responseStarted = false;
    this.#sends = 0;
    this.#replay = [];
    this.#replayBytes = 0;
    // It may be paused since the end of its request, which the backend took its time to read.
    this.#client.resume();
    if (this.#held.length > 0) this.#goOn();
  }

  #goOn(): void {
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) this.#onClientData(bytes);
  }

  onUpstreamGone(): void {
    this.#upstream = undefined;
    if (this.#phase !== "exchanging") return;
    const sendAgain =
      !this.#responseStarted &&
      this.#isRepeatable() &&
      this.#replayBytes <= MAX_REPLAY_BYTES &&
      this.#sends < MAX_SENDS;
    this.#release();
    if (sendAgain) {
      this.#response.reset();
      this.#connect();
    } else if (this.#responseStarted) {
      // The end of a body without a length, or a truncated one: either way the client must see it.
      this.#end();
    } else this.#refuse("endpoint-closed");
  }

  /** Answers in the place of a backend, and closes: where the next request begins is not known. */
  #refuse(error: RelayError): void {
    if (this.#phase === "closed") return;
    if (this.#responseStarted) {
      // An answer within another one would be taken for a part of it.
      this.#close();
      return;
    }
    this.#client.write(errorResponse(error));
    this.#end();
  }

  /** From here on bytes are passed through; draining no longer concerns this connection. */
  #splice(): void {
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    this.#phase = "opaque";
    this.#upstream = undefined;
    const { busy, socket } = { busy: this.#busy, socket: upstream.detach() };
    this.#busy = undefined;
    for (const [event, listener] of this.#listeners) this.#client.off(event, listener);
    if (busy !== undefined) {
      this.#options.inFlight.end(busy.backend);
      socket.once("close", () => busy.balancer.closed(busy.backend));
    }
    for (const bytes of this.#held) socket.write(bytes);
    this.#held = [];
    socket.resume();
    splice(this.#client, socket);
    this.#options.onClose(this);
  }

  #onClientDrain(): void {
    this.#sinceMs = this.#options.nowMs();
    this.#upstream?.socket.resume();
  }

  #onClientEnd(): void {
    this.#clientEnded = true;
    if (this.#phase === "idle") this.#close();
  }

  #occupy(backend: Backend, balancer: Balancer): void {
    this.#busy = { backend, balancer };
    this.#options.inFlight.begin(backend);
    balancer.opened(backend);
  }

  #release(): void {
    const busy = this.#busy;
    if (busy === undefined) return;
    this.#busy = undefined;
    busy.balancer.closed(busy.backend);
    this.#options.inFlight.end(busy.backend);
  }

  /** Lets the client have what was written, then closes. */
  #end(): void {
    // A connection that is being opened is released by whoever opens it.
    if (this.#phase !== "connecting") this.#release();
    this.#phase = "closed";
    this.#upstream?.destroy();
    this.#upstream = undefined;
    this.#client.end();
    // What still comes is read and dropped: unread bytes would make the close a reset.
    this.#client.resume();
    // Ended on our side only: a client that never closes must not keep the connection.
    this.#client.setTimeout(LINGER_MS, () => this.#client.destroy());
    this.#options.onClose(this);
  }

  #close(): void {
    if (this.#phase !== "opaque" && this.#phase !== "closed") this.#end();
    this.#client.destroy();
  }
}

const LINE_END = Buffer.from("\r\n");
const CONNECTION_CLOSE = Buffer.from("\r\nConnection: close");

/**
 * The beginning of an answer with one more field; whatever else it says of the connection, `close`
 * wins (RFC 9112 §9.6). An interim answer (1xx), or half a line, stays as it is.
 */
function withConnectionClose(bytes: Buffer): Buffer {
  const end = bytes.indexOf(LINE_END);
  if (end < 0 || /^HTTP\/1\.\d 1/.test(bytes.toString("latin1", 0, end))) return bytes;
  return Buffer.concat([bytes.subarray(0, end), CONNECTION_CLOSE, bytes.subarray(end)]);
}

/** Bytes of empty lines before a request, which some clients send after a body (RFC 9112 §2.2). */
function emptyLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === 13 && bytes[at + 1] === 10) at += 2;
  return at;
}
