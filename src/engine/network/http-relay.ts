/**
 * Relays HTTP/1.1 between a client and backends without changing a byte, but with knowledge of
 * message boundaries. When a backend drains, the request in flight finishes and the next request
 * of the same client connection goes to another backend: the client sees no close and no reset.
 * Anything that is not plain HTTP/1.x (upgrades, CONNECT, HTTP/2) becomes an opaque TCP relay.
 */
import type { Socket } from "node:net";
import type { Balancer } from "./balancer.ts";
import {
  FramingError,
  type RequestHead,
  RequestReader,
  type ResponseHead,
  ResponseReader,
} from "./http-framing.ts";
import type { Backend } from "./service-routes.ts";
import { splice } from "./tcp-relay.ts";
import { type InFlight, openUpstream, type Upstream } from "./upstream.ts";

/** Bytes of a request kept so that it can be sent again to another backend. */
const MAX_REPLAY_BYTES = 64 * 1024;
/** A backend may close an idle connection at any moment; after this long, only repeatable requests use it again. */
const REUSE_IDLE_MS = 1_000;
/** Times one request is sent before the client is told. */
const MAX_SENDS = 3;
/** RFC 9110 §9.2.2: sending these twice has the effect of sending them once. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

export interface HttpRelay {
  /** Lets go of a draining backend as soon as no request is in flight to it. */
  drain(isActive: (backend: Backend) => boolean): void;
  /** Closes the client connection, after the response in flight if there is one. */
  close(): void;
}

export interface HttpRelayOptions {
  readonly balancer: Balancer;
  readonly inFlight: InFlight;
  readonly nowMs: () => number;
  /** Used when no other has taken the request in time. */
  readonly lastResort: Balancer;
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
 * idle: between two messages. connecting: a request has begun, no backend yet. exchanging: request
 * and response are under way. opaque: bytes are passed through. closed: nothing more happens.
 */
type Phase = "idle" | "connecting" | "exchanging" | "opaque" | "closed";

class Exchange implements HttpRelay {
  readonly #client: Socket;
  readonly #options: HttpRelayOptions;
  readonly #request = new RequestReader();
  readonly #response = new ResponseReader();
  #phase: Phase = "idle";
  #upstream: Upstream | undefined;
  /** The backend that counts as in flight because of this connection. */
  #busy: Backend | undefined;
  #idleSinceMs = 0;
  #head: RequestHead | undefined;
  #requestDone = false;
  #responseStarted = false;
  #closeAfterResponse = false;
  #clientEnded = false;
  #notHttp = false;
  #sends = 0;
  /** The request's bytes so far, while it may have to be sent (again). */
  #replay: Buffer[] = [];
  #replayBytes = 0;
  /** Bytes of later requests: held until the current response is complete. */
  #held: Buffer[] = [];

  constructor(client: Socket, options: HttpRelayOptions) {
    this.#client = client;
    this.#options = options;
    client.setNoDelay(true);
    client.on("data", (bytes: Buffer) => this.#onClientData(bytes));
    client.on("drain", () => this.#upstream?.socket.resume());
    client.on("end", () => this.#onClientEnd());
    client.on("error", () => this.#close());
    client.on("close", () => this.#close());
  }

  drain(isActive: (backend: Backend) => boolean): void {
    if (this.#phase === "idle" && this.#upstream !== undefined && !isActive(this.#upstream.backend))
      this.#dropUpstream();
  }

  close(): void {
    if (this.#phase === "idle") this.#close();
    else this.#closeAfterResponse = true;
  }

  #onClientData(bytes: Buffer): void {
    if (this.#phase === "opaque" || this.#phase === "closed") return;
    if (this.#requestDone || this.#notHttp) {
      this.#hold(bytes);
      return;
    }
    const own = this.#readRequest(bytes);
    this.#replay.push(own);
    this.#replayBytes += own.length;
    if (this.#phase === "idle") this.#begin();
    else if (this.#phase === "exchanging") this.#send(own);
    else if (this.#replayBytes > MAX_REPLAY_BYTES) this.#client.pause();
  }

  /** The part of `bytes` that belongs to the current request; the rest is held. */
  #readRequest(bytes: Buffer): Buffer {
    try {
      const progress = this.#request.feed(bytes);
      if (progress.head !== undefined) {
        this.#head = progress.head;
        this.#response.requestMethod = progress.head.method;
      }
      this.#requestDone = progress.done;
      if (progress.consumed === bytes.length) return bytes;
      this.#hold(bytes.subarray(progress.consumed));
      return bytes.subarray(0, progress.consumed);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#notHttp = true;
      return bytes;
    }
  }

  /** Later requests wait for the answer to this one, so that boundaries stay clear. */
  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#client.pause();
  }

  /** A request has begun: on the backend at hand when it may be used, else on a new one. */
  #begin(): void {
    const upstream = this.#upstream;
    if (upstream !== undefined && this.#mayReuse(upstream)) {
      this.#occupy(upstream.backend);
      this.#startExchange();
      return;
    }
    this.#dropUpstream();
    this.#connect();
  }

  #mayReuse(upstream: Upstream): boolean {
    if (upstream.socket.destroyed || !this.#options.balancer.isActive(upstream.backend))
      return false;
    return this.#options.nowMs() - this.#idleSinceMs < REUSE_IDLE_MS || this.#isRepeatable();
  }

  #isRepeatable(): boolean {
    return this.#head !== undefined && IDEMPOTENT.has(this.#head.method);
  }

  #connect(): void {
    this.#phase = "connecting";
    this.#open().catch(() => this.#close());
  }

  async #open(): Promise<void> {
    const { inFlight } = this.#options;
    const upstream = await this.#reach();
    if (this.#phase !== "connecting") {
      if (upstream === undefined) return;
      inFlight.end(upstream.backend);
      upstream.socket.destroy();
      return;
    }
    if (upstream === undefined) {
      this.#answer(503, "no endpoint of this service accepts connections");
      return;
    }
    this.#upstream = upstream;
    this.#busy = upstream.backend;
    this.#listen(upstream);
    this.#startExchange();
  }

  /**
   * A backend that refuses has just ended, and its replacement may be on its way: to wait for it
   * is better than to fail. Undefined when none has taken the connection in time.
   */
  async #reach(): Promise<Upstream | undefined> {
    const { balancer, lastResort, inFlight, nowMs, backendWaitMs, waitForBackend } = this.#options;
    const client = this.#client.remoteAddress ?? "";
    const endMs = nowMs() + backendWaitMs;
    for (;;) {
      const upstream = await openUpstream(balancer, client, inFlight);
      const leftMs = endMs - nowMs();
      if (upstream !== undefined || this.#phase !== "connecting") return upstream;
      if (leftMs <= 0) return openUpstream(lastResort, client, inFlight);
      await waitForBackend(leftMs);
    }
  }

  #listen(upstream: Upstream): void {
    const { socket } = upstream;
    const whenCurrent = (handle: () => void) => () => {
      if (this.#upstream === upstream) handle();
    };
    const gone = whenCurrent(() => this.#onUpstreamGone());
    socket.on("data", (bytes: Buffer) => {
      if (this.#upstream === upstream) this.#onUpstreamData(bytes);
    });
    socket.on(
      "drain",
      whenCurrent(() => {
        if (!this.#requestDone) this.#client.resume();
      }),
    );
    socket.on("end", gone);
    socket.on("error", gone);
    socket.on("close", gone);
  }

  #startExchange(): void {
    this.#phase = "exchanging";
    this.#sends++;
    for (const piece of this.#replay) this.#upstream?.socket.write(piece);
    if (this.#notHttp) this.#splice();
    else if (!this.#requestDone) this.#client.resume();
  }

  #send(bytes: Buffer): void {
    if (this.#replayBytes > MAX_REPLAY_BYTES) this.#replay = [];
    if (this.#upstream?.socket.write(bytes) === false) this.#client.pause();
    if (this.#notHttp) this.#splice();
  }

  #onUpstreamData(bytes: Buffer): void {
    if (this.#phase !== "exchanging") {
      // A backend that speaks without being asked is no HTTP/1.1 server: do not use it again.
      this.#dropUpstream();
      return;
    }
    this.#responseStarted = true;
    if (this.#client.write(bytes) === false) this.#upstream?.socket.pause();
    try {
      const progress = this.#response.feed(bytes);
      if (progress.head?.close === true) this.#closeAfterResponse = true;
      if (this.#leavesHttp(progress.head)) this.#splice();
      else if (progress.done) this.#finish(progress.consumed === bytes.length);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#splice();
    }
  }

  #leavesHttp(head: ResponseHead | undefined): boolean {
    if (head === undefined) return false;
    return head.status === 101 || (this.#head?.method === "CONNECT" && head.status < 300);
  }

  /** The response is complete: the connection is free for the next request. */
  #finish(clean: boolean): void {
    const reusable = clean && this.#requestDone && !this.#closeAfterResponse && !this.#clientEnded;
    this.#release();
    if (!reusable) {
      this.#end();
      return;
    }
    this.#phase = "idle";
    this.#idleSinceMs = this.#options.nowMs();
    if (this.#upstream !== undefined && !this.#options.balancer.isActive(this.#upstream.backend))
      this.#dropUpstream();
    this.#request.reset();
    this.#response.reset();
    this.#head = undefined;
    this.#requestDone = false;
    this.#responseStarted = false;
    this.#sends = 0;
    this.#replay = [];
    this.#replayBytes = 0;
    const held = this.#held;
    this.#held = [];
    this.#client.resume();
    for (const bytes of held) this.#onClientData(bytes);
  }

  #onUpstreamGone(): void {
    if (this.#phase === "idle") this.#dropUpstream();
    if (this.#phase !== "exchanging") return;
    const sendAgain =
      !this.#responseStarted &&
      this.#isRepeatable() &&
      this.#replayBytes <= MAX_REPLAY_BYTES &&
      this.#sends < MAX_SENDS;
    this.#release();
    this.#dropUpstream();
    if (sendAgain) {
      this.#response.reset();
      this.#connect();
    } else if (this.#responseStarted) {
      // The end of a body without a length, or a truncated one: either way the client must see it.
      this.#end();
    } else this.#answer(502, "the endpoint closed the connection before it answered");
  }

  #answer(status: 502 | 503, detail: string): void {
    const reason = status === 502 ? "Bad Gateway" : "Service Unavailable";
    const body = `${detail}\n`;
    this.#client.write(
      `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    this.#end();
  }

  /** From here on bytes are passed through; draining no longer concerns this connection. */
  #splice(): void {
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    this.#phase = "opaque";
    this.#release();
    this.#client.removeAllListeners();
    upstream.socket.removeAllListeners();
    upstream.socket.once("close", () => this.#options.balancer.closed(upstream.backend));
    for (const bytes of this.#held) upstream.socket.write(bytes);
    this.#held = [];
    splice(this.#client, upstream.socket);
    this.#options.onClose(this);
  }

  #onClientEnd(): void {
    this.#clientEnded = true;
    if (this.#phase === "idle") this.#close();
  }

  #occupy(backend: Backend): void {
    this.#busy = backend;
    this.#options.inFlight.begin(backend);
  }

  #release(): void {
    const backend = this.#busy;
    this.#busy = undefined;
    if (backend !== undefined) this.#options.inFlight.end(backend);
  }

  #dropUpstream(): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.socket.destroy();
  }

  /** Lets the client have what was written, then closes. */
  #end(): void {
    this.#phase = "closed";
    this.#release();
    this.#dropUpstream();
    this.#client.end();
    this.#options.onClose(this);
  }

  #close(): void {
    if (this.#phase === "opaque" || this.#phase === "closed") {
      this.#client.destroy();
      return;
    }
    this.#end();
    this.#client.destroy();
  }
}
