/** Answers the requests of one listener: checks, finds the route, forwards, and notes it. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import type { Asked } from "../gateway/route-matches.ts";
import type { AccessLog, AccessRecord } from "./access-log.ts";
import { answer, announcesBody, type ProxyRequest, type ProxyResponse } from "./client-response.ts";
import type { AnswerHead } from "./exchange.ts";
import { type Forwarding, type ForwardOptions, forwardRequest } from "./forward-request.ts";
import { requestHeaders, responseHeaders } from "./forwarded-headers.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import { isRefusal, readTarget, type Refusal, type RequestTarget } from "./request-target.ts";
import type { RouteBackend } from "./route-backend.ts";
import type { Route } from "./route-table.ts";
import { type RuleRequest, serveRule } from "./serve-rule.ts";
import type { ServiceBackends } from "./service-backends.ts";

export interface RequestHandlerOptions {
  readonly find: (asked: Asked) => Route | undefined;
  readonly backendsOf: (backend: RouteBackend) => ServiceBackends | undefined;
  /** The port that Gateways ask for; that of the socket may be another one. */
  readonly listenerPort: number;
  /** Where a port of a Gateway is reached. */
  readonly reachedAt: (port: number) => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: IngressLimits;
  readonly accessLog: AccessLog;
  /** At least 0 and below 1: for weights and shares. */
  readonly random: () => number;
}

const NO_ROUTE: Refusal = { status: 404, message: "no Ingress or route has this host and path" };
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
      answer(request, response, NO_UPGRADE_BODY);
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
    try {
      this.#serve(request, response, upgrade);
    } catch (error) {
      this.#options.logger.error({ err: error }, "ingress could not serve a request");
      response.destroy();
    }
  }

  #serve(request: ProxyRequest, response: ProxyResponse, upgrade: ForwardOptions["upgrade"]): void {
    const { find, clock, accessLog } = this.#options;
    const socket = request.socket as TLSSocket;
    const remote = socket.remoteAddress ?? "";
    const client = remote.startsWith("::ffff:") ? remote.slice(7) : remote;
    const method = request.method ?? "";
    const target = readTarget(method, request.url ?? "", request.rawHeaders);
    const record: AccessRecord = {
      startedMs: clock.now(),
      client,
      version: request.httpVersion,
      isTls: socket.encrypted === true,
      method,
      target: isRefusal(target) ? undefined : target,
      userAgent: request.headers["user-agent"],
      route: undefined,
      backend: undefined,
      attempts: 0,
      bytes: 0,
    };
    let forwarding: Forwarding | undefined;
    response.once("close", () => {
      forwarding?.clientGone();
      accessLog(record, response.statusCode);
    });
    if (isRefusal(target)) return answer(request, response, target);
    const coding = request.headers["transfer-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "chunked")
      return answer(request, response, UNKNOWN_CODING);
    const route = find({
      host: target.host,
      path: target.path,
      query: target.url.slice(target.path.length + 1),
      method,
      headers: request.headers,
    });
    if (route === undefined) return answer(request, response, NO_ROUTE);
    record.route = route;
    const options = this.#forwardOptions(request, target, record, upgrade);
    const outcome =
      route.rule === undefined
        ? this.#forward(request, response, route.backend, options)
        : serveRule(route.rule, this.#ruleRequest(request, response, target, options));
    if (isRefusal(outcome)) answer(request, response, outcome);
    else forwarding = outcome;
  }

  #forward(
    request: ProxyRequest,
    response: ProxyResponse,
    backend: RouteBackend | undefined,
    options: ForwardOptions,
  ): Forwarding | Refusal {
    const backends = backend && this.#options.backendsOf(backend);
    if (backends === undefined) return NO_SERVICE;
    return forwardRequest(request, response, backends, options);
  }

  #forwardOptions(
    request: ProxyRequest,
    target: RequestTarget,
    record: AccessRecord,
    upgrade: ForwardOptions["upgrade"],
  ): ForwardOptions {
    const { clock, limits } = this.#options;
    return {
      client: record.client,
      url: target.url,
      headers: requestHeaders(request.rawHeaders, {
        client: record.client,
        protocol: record.isTls ? "https" : "http",
        authority: target.authority,
        port: request.socket.localPort ?? 0,
      }),
      clock,
      limits,
      onAttempt: ({ backend }) => {
        record.backend = backend;
        record.attempts++;
      },
      onBytes: (count) => {
        record.bytes += count;
      },
      upgrade,
    };
  }

  #ruleRequest(
    request: ProxyRequest,
    response: ProxyResponse,
    target: RequestTarget,
    options: ForwardOptions,
  ): RuleRequest {
    const { backendsOf, listenerPort, reachedAt, random } = this.#options;
    const socket = request.socket as TLSSocket;
    const usesRealPort = target.authority.endsWith(`:${socket.localPort ?? 0}`);
    return {
      request,
      response,
      options,
      backendsOf,
      random,
      from: {
        scheme: socket.encrypted === true ? "https" : "http",
        authority: target.authority,
        url: target.url,
        listenerPort,
        // A client that came by a forwarded port 80 finds 443 the same way.
        reachedAt: usesRealPort ? reachedAt : (port) => port,
      },
    };
  }

  /** Both sides agreed to leave HTTP: bytes are passed on until one of them ends. */
  #join(
    incoming: AnswerHead,
    { client, head }: { client: Duplex; head: Buffer },
    { backend, head: first }: { backend: Duplex; head: Buffer },
  ): void {
    const { limits } = this.#options;
    const fields = responseHeaders(incoming.headers);
    fields.push("Connection", "Upgrade", "Upgrade", valueOf(incoming, "upgrade"));
    const lines = [`HTTP/1.1 101 ${incoming.message || "Switching Protocols"}`];
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

function valueOf({ headers }: AnswerHead, name: string): string {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === name) return headers[at + 1] ?? "";
  return "";
}
