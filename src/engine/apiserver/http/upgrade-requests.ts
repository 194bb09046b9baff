/**
 * Requests that turn their connection into something else: `exec`, `attach` and `portforward` of
 * pods, and `log` over a WebSocket. Who asks, for what, and whether it can be had is settled before
 * the upgrade is answered; until then failures are answers with a `Status`.
 */
import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket } from "ws";
import { type Clock, systemClock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { ApiServer } from "../api-server.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext, UserInfo } from "../request-context.ts";
import { IdleTimer, STREAM_IDLE_MS } from "../streaming/idle-timer.ts";
import { serveCommand } from "../streaming/serve-command.ts";
import { SpdyCommandStreams } from "../streaming/spdy-command.ts";
import { SpdyPortForward } from "../streaming/spdy-port-forward.ts";
import { SpdyConnection } from "../streaming/spdy/spdy-connection.ts";
import type { SpdyStream } from "../streaming/spdy/spdy-stream.ts";
import { commandQuery, portsQuery } from "../streaming/stream-query.ts";
import { channelProtocol, WebSocketChannels } from "../streaming/web-socket-channels.ts";
import { webSocketCommand } from "../streaming/web-socket-command.ts";
import { forwardOnChannels } from "../streaming/web-socket-port-forward.ts";
import { authenticateHeader, type Authenticator, refuseImpersonation } from "./authenticate.ts";
import { logOptions } from "./log-requests.ts";
import { pathSegments, type ResourcePath, resourcePath } from "./request-path.ts";
import { toStatusError } from "./response.ts";
import { acceptSpdy, acceptWebSocket, offeredProtocols, refuse } from "./upgrade-handshake.ts";

export interface UpgradeOptions {
  readonly api: ApiServer;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  /** @default 500 */
  readonly maxConnections?: number;
  /** @default 4 hours */
  readonly idleMs?: number;
  readonly clock?: Clock;
}

/** Each may be a process on this machine. */
const MAX_CONNECTIONS = 500;
const MAX_URL_CHARACTERS = 16 * 1024;
/** Error, input, two outputs and resize. */
const MAX_COMMAND_STREAMS = 5;
/** Two for each connection to a port; a browser opens some, a load test some hundred. */
const MAX_FORWARD_STREAMS = 1_000;
/** Tells a peer that vanished without a word from one that is silent. */
const KEEP_ALIVE_MS = 30_000;

/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;
const INTERNAL_ERROR = 1011;

const LOG_PROTOCOLS: ReadonlySet<string> = new Set(["binary.k8s.io", "base64.binary.k8s.io"]);
const TUNNEL = "SPDY/3.1+portforward.k8s.io";
const PORT_FORWARD = "portforward.k8s.io";
/** By the name of their protocol over SPDY. */
const SPDY_COMMAND_VERSIONS: Readonly<Record<string, number>> = {
  "v5.channel.k8s.io": 5,
  "v4.channel.k8s.io": 4,
  "v3.channel.k8s.io": 3,
  "v2.channel.k8s.io": 2,
  "channel.k8s.io": 1,
};

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly query: URLSearchParams;
  readonly isWebSocket: boolean;
  readonly clock: Clock;
  readonly idleMs: number;
}

/** Takes the server's `upgrade` events. */
export function upgradeHandler(
  options: UpgradeOptions,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const { maxConnections = MAX_CONNECTIONS, logger } = options;
  let open = 0;
  return (request, socket, head) => {
    socket.on("error", () => undefined);
    if (open >= maxConnections) {
      refuse(
        socket,
        StatusError.of("TooManyRequests", "too many streaming connections: close some", {
          retryAfterSeconds: 5,
        }),
      );
      return;
    }
    open++;
    serve(options, request, socket, head)
      .catch((error: unknown) => {
        const status = toStatusError(error);
        if (status.code === 500)
          logger.error({ err: error, path: request.url?.split("?")[0] }, "upgrade failed");
        refuse(socket, status);
      })
      .finally(() => open--);
  };
}

/** Resolves when the connection is over. Rejects only before the upgrade is answered. */
async function serve(
  options: UpgradeOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { api, authenticator, clock = systemClock, idleMs = STREAM_IDLE_MS } = options;
  const target = request.url ?? "/";
  if (target.length > MAX_URL_CHARACTERS) throw bad("the URL is too long");
  const { pathname, query } = split(target);
  const user = authenticateHeader(authenticator, request.headers.authorization);
  refuseImpersonation(request.headers);
  const path = resourcePath(pathSegments(pathname));
  const isWebSocket = upgradeOf(request) === "websocket";
  if (!isWebSocket && upgradeOf(request) !== "spdy/3.1")
    throw bad("Upgrade request required: to websocket or SPDY/3.1");
  if (path === undefined || path.group !== "" || path.version !== "v1" || path.plural !== "pods")
    throw notFound();
  const { name, namespace, subresource } = path;
  if (name === undefined || namespace === undefined) throw notFound();
  const kind = api.registry.find("", "v1", "pods");
  if (kind === undefined) throw notFound();
  const upgrade: Upgrade = { request, socket, head, query, isWebSocket, clock, idleMs };
  const context = contextOf(request, user);
  const stream = { kind, name, namespace, verb: verbOf(request, isWebSocket) } as const;
  switch (subresource) {
    case "exec": {
      const asked = commandQuery(query);
      const begin = await api.exec(context, { ...stream, ...asked });
      return serveCommandUpgrade(upgrade, asked, begin);
    }
    case "attach": {
      const asked = commandQuery(query);
      const begin = await api.attach(context, { ...stream, ...asked });
      return serveCommandUpgrade(upgrade, asked, begin);
    }
    case "portforward":
      return servePortForward(upgrade, await api.portForward(context, stream));
    case "log":
      if (!isWebSocket) throw bad("the log can be upgraded to a websocket only");
      return serveLog(upgrade, api, context, stream);
    default:
      throw unsupported(path);
  }
}

function split(target: string): { pathname: string; query: URLSearchParams } {
  const question = target.indexOf("?");
  const pathname = question < 0 ? target : target.slice(0, question);
  if (!pathname.startsWith("/")) throw bad("the URL must be a path");
  return {
    pathname,
    query: new URLSearchParams(question < 0 ? "" : target.slice(question + 1)),
  };
}

const upgradeOf = ({ headers }: IncomingMessage): string => (headers.upgrade ?? "").toLowerCase();

function verbOf({ method }: IncomingMessage, isWebSocket: boolean): "get" | "create" {
  if (method === "GET") return "get";
  if (method === "POST" && !isWebSocket) return "create";
  throw StatusError.of(
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
  );
}

function contextOf({ headers }: IncomingMessage, user: UserInfo): RequestContext {
  const userAgent = headers["user-agent"];
  return { user, ...(userAgent === undefined ? {} : { userAgent }) };
}

type Command = Parameters<typeof serveCommand>[1];

async function serveCommandUpgrade(
  upgrade: Upgrade,
  asked: ReturnType<typeof commandQuery>,
  begin: Command,
): Promise<void> {
  const { request, socket, head, clock } = upgrade;
  if (upgrade.isWebSocket) {
    const { channels, protocol, stop } = await openChannels(upgrade);
    await serveCommand(webSocketCommand(channels, protocol, asked), begin);
    stop();
    return;
  }
  const offered = offeredProtocols(request.headers["x-stream-protocol-version"]);
  const chosen = offered.find((name) => name in SPDY_COMMAND_VERSIONS);
  if (chosen === undefined) throw noCommonProtocol(offered);
  const version = SPDY_COMMAND_VERSIONS[chosen] ?? 1;
  const streams = new SpdyCommandStreams(asked, version);
  const { connection, stop } = openSpdy(upgrade, acceptSpdy(prepared(socket), head, chosen), {
    maxStreams: MAX_COMMAND_STREAMS,
    onStream: (stream) => streams.add(stream),
  });
  const client = await streams.client(connection, version, clock);
  if (client !== undefined) await serveCommand(client, begin);
  await connection.closed;
  stop();
}

async function servePortForward(
  upgrade: Upgrade,
  connect: (port: number) => Promise<Duplex>,
): Promise<void> {
  const { request, socket, head, clock, query } = upgrade;
  const offered = offeredProtocols(
    request.headers[upgrade.isWebSocket ? "sec-websocket-protocol" : "x-stream-protocol-version"],
  );
  if (upgrade.isWebSocket && !offered.includes(TUNNEL)) {
    const ports = portsQuery(query);
    const { channels, stop } = await openChannels(upgrade);
    await forwardOnChannels(channels, ports, connect);
    stop();
    return;
  }
  if (!upgrade.isWebSocket && !offered.includes(PORT_FORWARD)) throw noCommonProtocol(offered);
  const transport = upgrade.isWebSocket
    ? tunnelOf(await acceptWebSocket(request, prepared(socket), head, TUNNEL))
    : acceptSpdy(prepared(socket), head, PORT_FORWARD);
  const forward = new SpdyPortForward(connect, clock);
  const { connection, stop } = openSpdy(upgrade, transport, {
    maxStreams: MAX_FORWARD_STREAMS,
    onStream: (stream) => forward.add(stream),
  });
  await connection.closed;
  forward.close();
  stop();
}

/** Each piece of output is a message; the end of the log ends the connection. */
async function serveLog(
  upgrade: Upgrade,
  api: ApiServer,
  context: RequestContext,
  { kind, namespace, name }: { kind: ServedKind; namespace: string; name: string },
): Promise<void> {
  const { request, socket, head, query } = upgrade;
  const offered = offeredProtocols(request.headers["sec-websocket-protocol"]);
  const protocol = offered.length === 0 ? "" : offered.find((one) => LOG_PROTOCOLS.has(one));
  if (protocol === undefined) throw noCommonProtocol(offered);
  const abort = new AbortController();
  const { signal } = abort;
  const options = logOptions(query, signal);
  const pieces = await api.logs({ ...context, signal }, { kind, namespace, name, ...options });
  const iterator = pieces[Symbol.asyncIterator]();
  // Whether there is a log is known with its first piece.
  let step = await iterator.next();
  const accepted = acceptWebSocket(request, prepared(socket), head, protocol);
  const webSocket = await accepted.catch(async (error: unknown) => {
    abort.abort();
    await iterator.return?.();
    throw error;
  });
  webSocket.on("error", () => undefined);
  webSocket.once("close", () => abort.abort());
  webSocket.resume();
  try {
    for (; step.done !== true && !signal.aborted; step = await iterator.next()) {
      const bytes = Buffer.from(step.value);
      if (bytes.length === 0) continue;
      const message = protocol.startsWith("base64.") ? bytes.toString("base64") : bytes;
      await new Promise((resolve) => webSocket.send(message, resolve));
    }
    webSocket.close(NORMAL_CLOSURE);
  } catch (error) {
    // The log broke off after the upgrade: all that can be said is that this is not its end.
    if (!signal.aborted) webSocket.close(INTERNAL_ERROR, toStatusError(error).reason);
  } finally {
    await iterator.return?.();
  }
}

function openSpdy(
  { socket, clock, idleMs }: Upgrade,
  transport: Duplex,
  options: { readonly maxStreams: number; readonly onStream: (stream: SpdyStream) => void },
): { connection: SpdyConnection; stop: () => void } {
  const idle = new IdleTimer(clock, idleMs, () => socket.destroy());
  const connection = new SpdyConnection(transport, { ...options, onActivity: () => idle.touch() });
  return { connection, stop: () => idle.stop() };
}

async function openChannels({ request, socket, head, clock, idleMs }: Upgrade) {
  const offered = offeredProtocols(request.headers["sec-websocket-protocol"]);
  // Clients that offer nothing speak the first one.
  const names = offered.length === 0 ? [""] : offered;
  const [protocol] = names.flatMap((name) => channelProtocol(name) ?? []);
  if (protocol === undefined) throw noCommonProtocol(offered);
  const webSocket = await acceptWebSocket(request, prepared(socket), head, protocol.name);
  const idle = new IdleTimer(clock, idleMs, () => socket.destroy());
  const channels = new WebSocketChannels(webSocket, { protocol, onActivity: () => idle.touch() });
  return { channels, protocol, stop: () => idle.stop() };
}

/** The bytes in the messages, whatever their borders. */
function tunnelOf(webSocket: WebSocket): Duplex {
  const tunnel = createWebSocketStream(webSocket);
  webSocket.resume();
  return tunnel;
}

/** A key pressed is to be seen at once, a dead peer before long. */
function prepared(socket: Duplex): Duplex {
  if (socket instanceof Socket) {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    socket.setTimeout(0);
  }
  return socket;
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
const notFound = (): StatusError =>
  StatusError.of("NotFound", "the server could not find the requested resource");
const unsupported = ({ subresource }: ResourcePath): StatusError =>
  subresource === undefined
    ? bad("this resource cannot be streamed over an upgraded connection")
    : notFound();
const noCommonProtocol = (offered: readonly string[]): StatusError =>
  bad(`none of the offered protocols is spoken here: [${offered.join(" ")}]`);
