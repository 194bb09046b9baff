/** The web listener: health, metrics and webhooks over HTTP or HTTPS, on loopback unless told otherwise. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "../client/logger.ts";
import { type ListenAddress, ListenError } from "./listen-address.ts";
import type { WebCertificate } from "./web-certificate.ts";

const MAX_HEADER_BYTES = 64 * 1024;

export interface WebLimits {
  /** Until a client has sent its headers: one that trickles them holds a connection for no longer. */
  readonly headersTimeoutMs: number;
  /** Until the whole request has come, what is discarded of it included. */
  readonly requestTimeoutMs: number;
  /** How often connections are looked at for the two above. */
  readonly checkIntervalMs: number;
  /** Further ones are closed at once; far more than all webhooks and scrapes together need. */
  readonly maxConnections: number;
}
const LIMITS: WebLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  checkIntervalMs: 5_000,
  maxConnections: 1_000,
};

export type WebHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | void;

export interface WebListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Everything below a path, whatever the method. */
export interface WebFolder {
  /** `/git/` */
  readonly prefix: string;
  readonly handle: WebHandler;
  /** Instead of {@link WebLimits.requestTimeoutMs}, for requests that are large; milliseconds. */
  readonly requestTimeoutMs: number;
}

/** `routes` are exact paths with a method: `GET /healthz`. With a certificate it speaks HTTPS only. */
export async function startWebListener(
  address: ListenAddress,
  routes: ReadonlyMap<string, WebHandler>,
  logger: Logger,
  limits: WebLimits = LIMITS,
  folders: readonly WebFolder[] = [],
  certificate?: WebCertificate,
): Promise<WebListener> {
  const paths = new Set([...routes.keys()].map((route) => route.slice(route.indexOf(" ") + 1)));
  const server = serverOf(
    certificate,
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: Math.max(
        limits.requestTimeoutMs,
        ...folders.map((folder) => folder.requestTimeoutMs),
      ),
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      const path = (request.url ?? "/").split("?")[0] ?? "/";
      response.setHeader("x-content-type-options", "nosniff");
      const method = request.method === "HEAD" ? "GET" : request.method;
      const folder = folders.find(({ prefix }) => path.startsWith(prefix));
      if (folder === undefined && folders.length > 0) cutOffLate(request, limits.requestTimeoutMs);
      const handler = folder?.handle ?? routes.get(`${method} ${path}`);
      if (handler === undefined) {
        sendText(
          response,
          paths.has(path) ? 405 : 404,
          paths.has(path) ? "method not allowed\n" : "not found\n",
        );
        return;
      }
      new Promise((resolve) => resolve(handler(request, response))).catch((error: unknown) => {
        logger.error({ err: error, path }, "web request failed");
        if (response.headersSent) response.destroy();
        else sendText(response, 500, "an internal error occurred; see the server's log\n");
      });
    },
  );
  server.maxConnections = limits.maxConnections;
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void =>
      reject(new ListenError("web", address, "--listen", error));
    server.once("error", refused);
    server.listen(address.port, address.host, () => {
      server.off("error", refused);
      // E.g. no file descriptor for a further connection: those that stand are served on.
      server.on("error", (error) => logger.warn({ err: error }, "the web listener failed"));
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function serverOf(
  certificate: WebCertificate | undefined,
  options: ServerOptions,
  listener: RequestListener,
): Server {
  if (certificate === undefined) return createServer(options, listener);
  const { headersTimeout } = options;
  const handshake = headersTimeout === undefined ? {} : { handshakeTimeout: headersTimeout };
  return createSecureServer({ ...options, ...certificate, ...handshake }, listener);
}

/** The listener itself waits as long as its most patient folder. */
function cutOffLate(request: IncomingMessage, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, timeoutMs);
  request.once("close", () => clearTimeout(timer));
}

export function sendText(
  response: ServerResponse,
  code: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
