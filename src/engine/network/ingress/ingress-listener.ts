/**
 * The listeners of the ingress proxy: HTTP/1.1, and HTTPS with HTTP/1.1 or HTTP/2 as the client
 * chooses. The protocols are Node's; the bounds are in `ingress-limits.ts`.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import type { BindAddress } from "../bind-address.ts";
import { drained } from "../drained.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import { isUpgrade, type RequestHandler } from "./request-handler.ts";

/** More wait in the kernel's queue. */
const BACKLOG = 1024;
/** A TLS handshake that takes longer is given up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface IngressListener {
  readonly host: string;
  readonly port: number;
  /** Closes the listener, then its connections as their requests end, and after some seconds in any case. */
  close(): Promise<void>;
}
export interface TlsOptions {
  /** PEM texts: for clients that name no host, or none that is known. */
  readonly fallback: { readonly certificate: string; readonly key: string };
  readonly contextOf: (host: string) => SecureContext | undefined;
}

/** @throws what the operating system says when the address cannot be had */
export function listenHttp(
  address: BindAddress,
  handler: RequestHandler,
  limits: IngressLimits,
): Promise<IngressListener> {
  const responses = new OpenResponses(handler);
  const server = createServer(httpOptions(limits), responses.serve);
  prepare(server, handler, limits);
  const sessions = new Http2Sessions(handler, limits);
  // A client that knows of HTTP/2 beforehand, as those of gRPC do, says so with its first bytes.
  const [serveHttp1] = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) =>
    peekProtocol(socket, limits.headersTimeoutMs, (isHttp2) => {
      if (isHttp2) sessions.serve(socket);
      else serveHttp1?.call(server, socket);
    }),
  );
  return listen(server, address, { responses, sessions });
}

/** @throws what the operating system says when the address cannot be had */
export function listenHttps(
  address: BindAddress,
  handler: RequestHandler,
  limits: IngressLimits,
  tls: TlsOptions,
): Promise<IngressListener> {
  const responses = new OpenResponses(handler);
  const server = createHttpsServer(
    {
      ...httpOptions(limits),
      cert: tls.fallback.certificate,
      key: tls.fallback.key,
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      SNICallback: (host, done) => done(null, tls.contextOf(host.toLowerCase())),
    },
    responses.serve,
  );
  prepare(server, handler, limits);
  const sessions = new Http2Sessions(handler, limits);
  // The connection of a client that chose HTTP/2 is taken before it reaches the HTTP/1.1 server.
  const [serveHttp1] = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    if (socket.alpnProtocol === "h2") sessions.serve(socket);
    else serveHttp1?.call(server, socket);
  });
  return listen(server, address, { responses, sessions });
}

/** Serves HTTP/2 on connections that were accepted elsewhere. */
class Http2Sessions {
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #server: Http2Server;

  constructor(handler: RequestHandler, limits: IngressLimits) {
    this.#server = createHttp2Server(
      {
        settings: {
          maxConcurrentStreams: limits.maxConcurrentStreams,
          maxHeaderListSize: limits.maxHeaderBytes,
          enablePush: false,
        },
      },
      handler.request,
    );
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.on("error", () => session.destroy());
      session.setTimeout(limits.streamIdleTimeoutMs, () => session.close());
    });
  }

  serve(socket: Socket): void {
    this.#server.emit("connection", socket);
  }
  get size(): number {
    return this.#sessions.size;
  }
  /** Clients are told to send no more; what they have sent is answered. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }
  close(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

/** What is being answered over HTTP/1.1. */
class OpenResponses {
  readonly #handler: RequestHandler;
  readonly #open = new Set<ServerResponse>();
  #draining = false;

  constructor(handler: RequestHandler) {
    this.#handler = handler;
  }

  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    this.#open.add(response);
    response.once("close", () => this.#open.delete(response));
    if (this.#draining) response.shouldKeepAlive = false;
    this.#handler.request(request, response);
  };

  get size(): number {
    return this.#open.size;
  }
  /** Answers that have not begun are the last on their connections, and say so. */
  drain(): void {
    this.#draining = true;
    for (const response of this.#open) response.shouldKeepAlive = false;
  }
}

/** RFC 9113 §3.4: no method of HTTP/1.1 begins like this. */
const HTTP2_PREFACE = "PRI * HTTP/2.0";

/** Looks at the first bytes and puts them back. */
function peekProtocol(socket: Socket, timeoutMs: number, decide: (isHttp2: boolean) => void): void {
  let held: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("error", onGone);
    socket.off("close", onGone);
  };
  const onGone = (): void => {
    stop();
    socket.destroy();
  };
  const onReadable = (): void => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) {
      if (socket.readableEnded) onGone();
      return;
    }
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    const text = held.toString("latin1", 0, HTTP2_PREFACE.length);
    if (text.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(text)) return;
    stop();
    socket.unshift(held);
    decide(text === HTTP2_PREFACE);
  };
  socket.on("readable", onReadable);
  socket.on("error", onGone);
  socket.on("close", onGone);
}

function httpOptions(limits: IngressLimits): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    // A body may take as long as it moves: see the idle time-out in `prepare`.
    requestTimeout: 0,
    connectionsCheckingInterval: limits.checkIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    noDelay: true,
    // From Node 24.9 on: others take `Upgrade: h2c` away from HTTP/1.1, and answer with a close.
    ...({ shouldUpgradeCallback: isUpgrade } as object),
  };
}

function prepare(server: Server, handler: RequestHandler, limits: IngressLimits): void {
  // Node drops what is above a count; the bytes are bounded already.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.maxConnections;
  server.setTimeout(limits.streamIdleTimeoutMs);
  server.on("upgrade", handler.upgrade);
}

function listen(
  server: Server,
  address: BindAddress,
  { responses, sessions }: { responses: OpenResponses; sessions: Http2Sessions },
): Promise<IngressListener> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, BACKLOG, () => {
      server.off("error", reject);
      // A connection that cannot be accepted, e.g. for want of file descriptors: the others are served on.
      server.on("error", () => undefined);
      const { port } = server.address() as AddressInfo;
      resolve({
        host: address.host,
        port,
        close: async () => {
          // Not the server's own close: it would cut off idle connections whose next request is on its way.
          const closed = new Promise<void>((done) =>
            NetServer.prototype.close.call(server, () => done()),
          );
          responses.drain();
          sessions.drain();
          await drained(
            () => sockets.size === 0,
            () => responses.size + sessions.size === 0,
          );
          sessions.close();
          for (const socket of sockets) socket.destroy();
          server.close();
          await closed;
        },
      });
    });
  });
}
