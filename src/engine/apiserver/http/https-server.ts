/**
 * The API server on a TLS port: HTTP/2 and HTTP/1.1. Authenticates, finds out what a request is
 * about and hands it to the operation. Everything that fails ends as a `Status`.
 */
import type { IncomingMessage } from "node:http";
import { createSecureServer, type Http2SecureServer, type Http2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "../../../client/logger.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { ApiServer } from "../api-server.ts";
import type { KeyPair } from "../pki/certificates.ts";
import { authenticateHeader, type Authenticator, refuseImpersonation } from "./authenticate.ts";
import { type Call, flag } from "./call.ts";
import { streamLogs } from "./log-requests.ts";
import { getObject, listObjects } from "./read-requests.ts";
import type { HttpRequest } from "./request-body.ts";
import { pathSegments, type ResourcePath, resourcePath } from "./request-path.ts";
import { answerReviewRequest } from "./review-requests.ts";
import { type HttpResponse, sendError, toStatusError } from "./response.ts";
import type { upgradeHandler } from "./upgrade-requests.ts";
import { watchObjects } from "./watch-requests.ts";
import { isHealthPath, type OpenIdDocuments, WellKnownPaths } from "./well-known-paths.ts";
import {
  createObject,
  deleteMany,
  deleteOne,
  patchObject,
  replaceObject,
} from "./write-requests.ts";

/** Streams of one HTTP/2 connection: a client's watches and requests, upstream's number. */
const MAX_STREAMS = 250;
const MAX_HEADER_BYTES = 64 * 1024;
/** Of pods: only over a connection that is upgraded. */
const STREAMED_SUBRESOURCES: ReadonlySet<string | undefined> = new Set([
  "exec",
  "attach",
  "portforward",
]);
const MAX_URL_CHARACTERS = 16 * 1024;

export interface ConnectionLimits {
  /** Until the TLS handshake is over, and then until the headers of an HTTP/1.1 request are there. */
  readonly headersTimeoutMs: number;
  /** Until an HTTP/1.1 request is there: bodies are at most 3 MiB, slower than this is an attack. */
  readonly requestTimeoutMs: number;
  /** How often connections are looked at for the two above. */
  readonly checkIntervalMs: number;
  /** Each costs memory; a client needs one or two of them, a node agent a few. */
  readonly maxConnections: number;
}
const LIMITS: ConnectionLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  checkIntervalMs: 5_000,
  maxConnections: 5_000,
};

export interface HttpsServerOptions {
  readonly api: ApiServer;
  readonly authenticator: Authenticator;
  readonly certificate: KeyPair;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly logger: Logger;
  readonly gantryVersion: string;
  readonly notReady: () => readonly string[];
  /** Who issues service account tokens, and the keys to verify them with. Absent: nobody. */
  readonly openId?: OpenIdDocuments;
  readonly limits?: ConnectionLimits;
}
export interface HttpsServer {
  readonly port: number;
  /** Takes no further connection, ends watches, and closes what is left. */
  close(): Promise<void>;
}

/** Rejects with the system's error (`EADDRINUSE`, `EACCES`) when the address cannot be had. */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { api, certificate, host, port, limits = LIMITS } = options;
  const wellKnown = new WellKnownPaths({
    registry: api.registry,
    gantryVersion: options.gantryVersion,
    notReady: options.notReady,
    ...(options.openId === undefined ? {} : { openId: options.openId }),
  });
  const server = createSecureServer({
    allowHTTP1: true,
    key: certificate.key,
    cert: certificate.certificate,
    minVersion: "TLSv1.2",
    maxHeaderListPairs: 128,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
    handshakeTimeout: limits.headersTimeoutMs,
  });
  // Node ignores these as options of an HTTP/2 server, and reads them as its properties.
  Object.assign(server, {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: limits.checkIntervalMs,
    maxConnections: limits.maxConnections,
  });
  const connections = new Set<Duplex>();
  const sessions = new Set<Http2Session>();
  // Of TCP, not of TLS: one that never greets would keep the server from closing.
  server.on("connection", (socket: Duplex) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", (error) => options.logger.debug({ err: error }, "HTTP/2 session failed"));
    session.once("close", () => sessions.delete(session));
  });
  server.on("request", (request: HttpRequest, response: HttpResponse) => {
    handle(options, wellKnown, request, response).catch((error: unknown) =>
      fail(options.logger, request, response, error),
    );
  });
  // Loaded with the first: most servers never see one.
  let upgrades: Promise<ReturnType<typeof upgradeHandler>> | undefined;
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrades ??= import("./upgrade-requests.ts").then((module) => module.upgradeHandler(options));
    void upgrades.then((handle) => handle(request, socket, head));
  });
  server.on("tlsClientError", (error) =>
    options.logger.debug({ err: error }, "TLS handshake failed"),
  );
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Http2SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      server.on("error", () => undefined);
      resolve();
    });
  });
}

async function handle(
  options: HttpsServerOptions,
  wellKnown: WellKnownPaths,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const target = request.url ?? "/";
  if (target.length > MAX_URL_CHARACTERS) throw StatusError.of("BadRequest", "the URL is too long");
  const question = target.indexOf("?");
  const pathname = question < 0 ? target : target.slice(0, question);
  if (!pathname.startsWith("/")) throw StatusError.of("BadRequest", "the URL must be a path");
  if (isHealthPath(pathname)) {
    wellKnown.health(pathname, response);
    return;
  }
  const user = authenticateHeader(options.authenticator, request.headers.authorization);
  refuseImpersonation(request.headers);
  const segments = pathSegments(pathname);
  const path = resourcePath(segments);
  const served =
    path === undefined
      ? undefined
      : options.api.registry.find(path.group, path.version, path.plural);
  if (path === undefined || served === undefined) {
    if (
      path !== undefined &&
      (await answerReviewRequest(options.api, path, user, request, response))
    )
      return;
    options.api.authorizePath({ user, verb: (request.method ?? "").toLowerCase(), path: pathname });
    if (request.method === "GET" && (await wellKnown.answer(segments, request, response))) return;
    throw StatusError.of("NotFound", "the server could not find the requested resource");
  }
  if (path.namespace !== undefined && !served.kind.namespaced)
    throw StatusError.of("NotFound", "the server could not find the requested resource");
  const abort = new AbortController();
  response.once("close", () => abort.abort());
  const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  await dispatch(options.api, {
    request,
    response,
    user,
    query,
    path,
    served,
    signal: abort.signal,
    warnings: [],
  });
}

function dispatch(api: ApiServer, call: Call): Promise<void> {
  const { path, query } = call;
  requireAddressable(call);
  if (path.plural === "pods" && STREAMED_SUBRESOURCES.has(path.subresource))
    throw StatusError.of("BadRequest", "Upgrade request required");
  switch (call.request.method) {
    case "GET":
    case "HEAD":
      if (path.name === undefined)
        return flag(query, "watch") ? watchObjects(api, call) : listObjects(api, call);
      if (path.subresource === "log") return streamLogs(api, call, path.name);
      return getObject(api, call, path.name);
    case "POST":
      // What there is already is not created again; only actions on it are.
      if (path.name !== undefined && path.subresource === undefined) throw notAllowed();
      return createObject(api, call);
    case "PUT":
      return replaceObject(api, call, required(path));
    case "PATCH":
      return patchObject(api, call, required(path));
    case "DELETE":
      if (path.subresource !== undefined) throw notAllowed();
      return path.name === undefined ? deleteMany(api, call) : deleteOne(api, call, path.name);
    default:
      throw notAllowed();
  }
}

/** Objects of namespaced kinds are named within their namespace only. */
function requireAddressable({ path, served, request }: Call): void {
  if (!served.kind.namespaced || path.namespace !== undefined) return;
  if (path.name !== undefined || (request.method !== "GET" && request.method !== "HEAD"))
    throw path.name === undefined
      ? notAllowed()
      : StatusError.of("NotFound", "the server could not find the requested resource");
}

function required(path: ResourcePath): string {
  if (path.name === undefined) throw notAllowed();
  return path.name;
}

const notAllowed = (): StatusError =>
  StatusError.of(
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
  );

function fail(logger: Logger, request: HttpRequest, response: HttpResponse, error: unknown): void {
  const status = toStatusError(error);
  if (status.code === 500)
    logger.error(
      { err: error, method: request.method, path: request.url?.split("?")[0] },
      "request failed",
    );
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  try {
    sendError(response, status);
    // What is left of the body is not wanted: do not wait for it.
    if (!request.complete) request.resume();
  } catch (sendingError) {
    logger.debug({ err: sendingError }, "the client went away before it was answered");
    response.destroy();
  }
}
