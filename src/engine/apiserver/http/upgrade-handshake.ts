/** The HTTP/1.1 side of an upgrade: a refusal as a `Status`, or the switch to WebSocket or SPDY/3.1. */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { StatusError } from "../../../kube/status-error.ts";

/** Clients send pieces of at most 64 KiB or so; a larger message ends the connection (1009). */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Answers and closes; with `Connection: close` nothing else can come on the socket. */
export function refuse(socket: Duplex, error: StatusError): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const { code, status } = error;
  const body = JSON.stringify(status);
  const retryAfter = status.details?.retryAfterSeconds;
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? "Error"}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(code === 401 ? ['WWW-Authenticate: Bearer realm="gantry"'] : []),
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ];
  socket.on("error", () => undefined);
  // What the client still sends is dropped, so that it reads the answer instead of a reset.
  socket.resume();
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/**
 * The connection is paused: to be resumed by who reads it. Rejects with 400 when the request is no
 * proper WebSocket handshake. `protocol`: as negotiated;
 * not by ws, which takes names with a slash (`SPDY/3.1+portforward.k8s.io`) for malformed.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  delete request.headers["sec-websocket-protocol"];
  server.on("headers", (headers) => {
    if (protocol !== "") headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return new Promise((resolve, reject) => {
    // ws would never answer.
    if (!socket.readable || !socket.writable)
      reject(StatusError.of("BadRequest", "the client went away"));
    // With a listener ws leaves the answer to us.
    server.on("wsClientError", (error) => reject(StatusError.of("BadRequest", error.message)));
    // For a socket that is closed already ws calls nobody.
    const gone = (): void =>
      reject(StatusError.of("BadRequest", "the client closed the connection"));
    if (!socket.readable || !socket.writable) {
      gone();
      return;
    }
    socket.once("close", gone);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      // What came with the request must not pass before somebody listens.
      webSocket.pause();
      resolve(webSocket);
    });
  });
}

/** Names that the client offers, in its order. */
export function offeredProtocols(header: string | readonly string[] | undefined): string[] {
  const lines = header === undefined ? [] : typeof header === "string" ? [header] : header;
  return lines
    .flatMap((line) => line.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Whoever speaks SPDY speaks it from the first byte after this. */
export function acceptSpdy(socket: Duplex, head: Buffer, protocol: string): Duplex {
  socket.write(
    [
      "HTTP/1.1 101 Switching Protocols",
      "Connection: Upgrade",
      "Upgrade: SPDY/3.1",
      `X-Stream-Protocol-Version: ${protocol}`,
      "\r\n",
    ].join("\r\n"),
  );
  if (head.length > 0) socket.unshift(head);
  return socket;
}
