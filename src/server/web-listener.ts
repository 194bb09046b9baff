/** The web listener: health, metrics and webhooks over plain HTTP, on loopback unless told otherwise. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../client/logger.ts";
import { type ListenAddress, ListenError } from "./listen-address.ts";

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 1_000;

export type WebHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | void;

export interface WebListener {
  readonly port: number;
  close(): Promise<void>;
}

/** `routes` are exact paths with a method: `GET /healthz`. */
export async function startWebListener(
  address: ListenAddress,
  routes: ReadonlyMap<string, WebHandler>,
  logger: Logger,
): Promise<WebListener> {
  const paths = new Set([...routes.keys()].map((route) => route.slice(route.indexOf(" ") + 1)));
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      const path = (request.url ?? "/").split("?")[0] ?? "/";
      response.setHeader("x-content-type-options", "nosniff");
      const method = request.method === "HEAD" ? "GET" : request.method;
      const handler = routes.get(`${method} ${path}`);
      if (handler === undefined) {
        sendText(
          response,
          paths.has(path) ? 405 : 404,
          paths.has(path) ? "method not allowed\n" : "not found\n",
        );
        return;
      }
      Promise.resolve(handler(request, response)).catch((error: unknown) => {
        logger.error({ err: error, path }, "web request failed");
        if (response.headersSent) response.destroy();
        else sendText(response, 500, "an internal error occurred; see the server's log\n");
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new ListenError("web", address, "--listen", error)));
    server.listen(address.port, address.host, resolve);
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

export function sendText(
  response: ServerResponse,
  code: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
