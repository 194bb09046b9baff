/** Answers the requests of all ingress listeners: checks, finds the route, forwards, and notes it. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import { responseHeaders } from "./forwarded-headers.ts";
import {
  type ForwardOptions,
  forwardRequest,
  type ProxyRequest,
  type ProxyResponse,
} from "./forward-request.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import { isRefusal, readTarget, type Refusal } from "./request-target.ts";
import type { Route } from "./route-table.ts";
import type { ServiceBackends } from "./service-backends.ts";

export interface RequestHandlerOptions {
  readonly find: (host: string, path: string) => Route | undefined;
  readonly backendsOf: (route: Route) => ServiceBackends | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: IngressLimits;
}

const NO_ROUTE: Refusal = { status: 404, message: "no Ingress has this host and path" };
const NO_SERVICE: Refusal = { status: 503, message: "the Ingress leads to no Service" };
const UNKNOWN_CODING: Refusal = { status: 501, message: "unknown Transfer-Encoding" };
const NO_UPGRADE_BODY: Refusal = { status: 400, message: "an upgrade with a body" };

export class RequestHandler {
  readonly #options: RequestHandlerOptions;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  readonly request = (request: ProxyRequest, response: ProxyResponse): void => {
    this.#run(request, response, undefined);
  };

  /** A request that wants to leave HTTP/1.1: Node has handed over the connection. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once("finish", () => socket.end());
    socket.on("error", () => socket.destroy());
    if (announcesBody(request)) {
      answer(response, NO_UPGRADE_BODY);
      return;
    }
    const protocol = request.headers.upgrade ?? "";
    if (!isUpgrade(request)) {
      this.#run(request, response, undefined);
      return;
    }
    this.#run(request, response, {
      protocol,
      take: (incoming, backend, first) => {
        response.detachSocket(socket as Socket);
        // The access log counts the connection's whole time.
        response.statusCode = 101;
        socket.once("close", () => response.emit("close"));
        this.#join(incoming, { client: socket, head }, { backend, head: first });
      },
    });
  };

  #run(request: ProxyRequest, response: ProxyResponse, upgrade: ForwardOptions["upgrade"]): void {
    this.#serve(request, response, upgrade).catch((error: unknown) => {
      this.#options.logger.error({ err: error }, "ingress could not serve a request");
      response.destroy();
    });
  }

  async #serve(
    request: ProxyRequest,
    response: ProxyResponse,
    upgrade: ForwardOptions["upgrade"],
  ): Promise<void> {
    const { find, backendsOf, clock, limits, logger } = this.#options;
    const startedMs = clock.now();
    const socket = request.socket as TLSSocket;
    const client = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    const method = request.method ?? "";
    const target = readTarget(method, request.url ?? "", request.rawHeaders);
    const route = isRefusal(target) ? undefined : find(target.host, target.path);
    response.once("close", () =>
      logger.debug(
        {
          client,
          method,
          ...(isRefusal(target) ? {} : { host: target.host, path: target.path }),
          ingress: route?.ingress,
          status: response.statusCode,
          durationMs: clock.now() - startedMs,
        },
        "ingress request",
      ),
    );
    if (isRefusal(target)) return answer(response, target);
    const coding = request.headers["transfer-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "chunked")
      return answer(response, UNKNOWN_CODING);
    if (route === undefined) return answer(response, NO_ROUTE);
    const backends = backendsOf(route);
    if (backends === undefined) return answer(response, NO_SERVICE);
    const refusal = await forwardRequest(request, response, {
      backends,
      url: target.url,
      clock,
      limits,
      origin: {
        client,
        protocol: socket.encrypted ? "https" : "http",
        authority: target.authority,
        port: socket.localPort ?? 0,
      },
      ...(upgrade === undefined ? {} : { upgrade }),
    });
    if (refusal !== undefined) answer(response, refusal);
  }

  /** Both sides agreed to leave HTTP: bytes are passed on until one of them ends. */
  #join(
    incoming: IncomingMessage,
    { client, head }: { client: Duplex; head: Buffer },
    { backend, head: first }: { backend: Duplex; head: Buffer },
  ): void {
    const { limits } = this.#options;
    const fields = responseHeaders(incoming.rawHeaders);
    fields.push("Connection", "Upgrade", "Upgrade", incoming.headers.upgrade ?? "");
    const lines = [`HTTP/1.1 101 ${incoming.statusMessage ?? "Switching Protocols"}`];
    for (let at = 0; at + 1 < fields.length; at += 2)
      lines.push(`${fields[at]}: ${fields[at + 1]}`);
    client.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    if (first.length > 0) client.write(first);
    if (head.length > 0) backend.write(head);
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      (from as Socket).setTimeout(limits.upgradeIdleTimeoutMs, () => from.destroy());
      from.on("error", () => to.destroy());
      from.once("close", () => to.destroy());
      from.pipe(to);
    }
    if (client.destroyed) backend.destroy();
  }
}

/** HTTP/2 over plain TCP (`Upgrade: h2c`) is an offer that may be passed over. */
export function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && !/^h2c?$/i.test(headers.upgrade);
}

function answer(response: ProxyResponse, { status, message }: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = `${message}\n`;
  const headers: Record<string, string | number> = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff",
  };
  // What is left of the request is not worth reading, and must not be taken for another one.
  if ("stream" in response) {
    response.writeHead(status, headers);
    response.end(body);
    return;
  }
  if (announcesBody(response.req) && !response.req.complete) headers["connection"] = "close";
  response.writeHead(status, headers);
  response.end(body);
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
