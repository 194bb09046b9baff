/**
 * Sends one request to a backend and its answer to the client, streaming both ways at the pace of
 * the slower side. A connection that was refused carried no byte: the next backend is tried. What
 * has been sent is sent again only when it has no body, is idempotent (RFC 9110 §9.2.2) and was not
 * answered.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
  request as httpRequest,
} from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../client/clock.ts";
import { backendKey } from "../service-routes.ts";
import {
  type BodyFraming,
  type Origin,
  requestHeaders,
  responseHeaderMap,
  responseHeaders,
} from "./forwarded-headers.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import type { Refusal } from "./request-target.ts";
import type { Lease, ServiceBackends } from "./service-backends.ts";

export type ProxyRequest = IncomingMessage | Http2ServerRequest;
export type ProxyResponse = ServerResponse | Http2ServerResponse;

export interface ForwardOptions {
  readonly backends: ServiceBackends;
  readonly url: string;
  readonly origin: Origin;
  readonly clock: Clock;
  readonly limits: IngressLimits;
  /** Set when the client asks to leave HTTP: the protocol, and who takes over when it is agreed. */
  readonly upgrade?: {
    readonly protocol: string;
    readonly take: (response: IncomingMessage, backend: Duplex, head: Buffer) => void;
  };
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** Backends tried for one request, and times that it is sent, before the client is told. */
const MAX_ATTEMPTS = 8;
const MAX_SENDS = 3;

/** RFC 9113 §7. */
const HTTP2_INTERNAL_ERROR = 2;

const NO_BACKEND: Refusal = { status: 503, message: "no endpoint of the service takes requests" };
const NO_ANSWER: Refusal = {
  status: 502,
  message: "the endpoint closed the connection before it answered",
};
const LATE: Refusal = { status: 504, message: "the endpoint did not answer in time" };
const UNSENDABLE: Refusal = { status: 400, message: "the request cannot be sent to HTTP/1.1" };

/** How one attempt ended: with an answer on its way, with one to give, or to be tried again. */
type Attempt = "answered" | "refused" | "unanswered" | Refusal;

/**
 * Resolves to what to answer instead when no backend did; to undefined once the answer of one is on
 * its way, or the client has gone.
 */
export async function forwardRequest(
  request: ProxyRequest,
  response: ProxyResponse,
  options: ForwardOptions,
): Promise<Refusal | undefined> {
  const { backends, clock, limits, origin } = options;
  const framing = framingOf(request);
  const mayRepeat = !hasBody(framing) && IDEMPOTENT.has(request.method ?? "");
  const refused = new Set<string>();
  const endMs = clock.now() + limits.backendWaitMs;
  let sends = 0;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && !isGone(response); ) {
    const leftMs = endMs - clock.now();
    const lease =
      backends.take(origin.client, refused) ??
      (leftMs > 0 ? undefined : backends.takeLastResort(origin.client, refused));
    if (lease === undefined) {
      if (leftMs <= 0) return NO_BACKEND;
      // Those that refused have just ended, and their replacement may be on its way.
      await backends.changed(leftMs);
      refused.clear();
      continue;
    }
    attempt++;
    const outcome = await send(request, response, lease, framing, options);
    if (outcome === "answered") return undefined;
    if (outcome === "refused") refused.add(backendKey(lease.backend));
    else if (outcome === "unanswered") {
      if (!mayRepeat || ++sends >= MAX_SENDS) return NO_ANSWER;
    } else return outcome;
  }
  return isGone(response) ? undefined : NO_BACKEND;
}

function framingOf(request: ProxyRequest): BodyFraming {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined) return "chunked";
  const length = headers["content-length"];
  if (length !== undefined) return length === "0" && isBodyless(request) ? "none" : { length };
  if ("stream" in request) return request.stream.endAfterHeaders ? emptyOf(request) : "chunked";
  return emptyOf(request);
}

/** Methods that give a body a meaning say that theirs is empty (RFC 9110 §8.6). */
const emptyOf = (request: ProxyRequest): BodyFraming =>
  isBodyless(request) ? "none" : { length: "0" };

const isBodyless = ({ method }: ProxyRequest): boolean =>
  method === "GET" || method === "HEAD" || method === "DELETE" || method === "OPTIONS";

const hasBody = (framing: BodyFraming): boolean =>
  framing === "chunked" || (framing !== "none" && framing.length !== "0");

function send(
  request: ProxyRequest,
  response: ProxyResponse,
  lease: Lease,
  framing: BodyFraming,
  options: ForwardOptions,
): Promise<Attempt> {
  const { url, origin, upgrade, limits, clock } = options;
  return new Promise((resolve) => {
    let outgoing: ClientRequest;
    try {
      outgoing = httpRequest({
        agent: lease.agent,
        host: lease.backend.address,
        port: lease.backend.port,
        method: request.method ?? "GET",
        path: url,
        headers: requestHeaders(request.rawHeaders, origin, framing, upgrade?.protocol),
        setHost: false,
        timeout: limits.answerTimeoutMs,
      });
    } catch {
      lease.release();
      resolve(UNSENDABLE);
      return;
    }
    let isConnected = false;
    let isLate = false;
    let cancelConnect = (): void => undefined;
    const onConnect = (): void => {
      isConnected = true;
      cancelConnect();
      if (hasBody(framing)) sendBody(request, outgoing);
      else outgoing.end();
    };
    const onGone = (): void => void outgoing.destroy();
    const settle = (outcome: Attempt): void => {
      cancelConnect();
      resolve(outcome);
    };
    outgoing.once("socket", (socket: Socket) => {
      if (!socket.connecting) {
        onConnect();
        return;
      }
      cancelConnect = clock.after(limits.connectTimeoutMs, () => outgoing.destroy());
      socket.once("connect", onConnect);
    });
    outgoing.once("timeout", () => {
      isLate = true;
      outgoing.destroy();
    });
    outgoing.once("error", () => {
      if (isLate) settle(LATE);
      else settle(isConnected ? "unanswered" : "refused");
    });
    outgoing.once("close", () => {
      response.off("close", onGone);
      lease.release();
      settle("unanswered");
    });
    outgoing.once("response", (incoming) => {
      settle("answered");
      outgoing.on("error", () => undefined);
      outgoing.setTimeout(limits.streamIdleTimeoutMs);
      sendAnswer(incoming, response);
    });
    outgoing.once("upgrade", (incoming, socket, head) => {
      settle("answered");
      response.off("close", onGone);
      if (upgrade === undefined) {
        socket.destroy();
        cutOff(response);
      } else upgrade.take(incoming, socket, head);
    });
    response.once("close", onGone);
    if (isGone(response)) onGone();
  });
}

function sendBody(request: ProxyRequest, outgoing: ClientRequest): void {
  request.pipe(outgoing);
  const onAborted = (): void => void outgoing.destroy();
  request.once("aborted", onAborted);
  request.once("error", onAborted);
  outgoing.once("close", () => {
    request.unpipe(outgoing);
    request.off("aborted", onAborted);
    request.off("error", onAborted);
    // What the backend did not want must not hold up the connection.
    request.resume();
  });
}

function sendAnswer(incoming: IncomingMessage, response: ProxyResponse): void {
  try {
    writeHead(incoming, response);
  } catch {
    incoming.destroy();
    cutOff(response);
    return;
  }
  let isFlowing = false;
  incoming.once("data", () => {
    isFlowing = true;
  });
  incoming.pipe(response as NodeJS.WritableStream);
  incoming.on("error", () => cutOff(response));
  incoming.once("close", () => {
    if (!incoming.complete) cutOff(response);
  });
  // An answer whose body takes its time, such as an event stream: the client gets the head now.
  setImmediate(() => {
    if (isFlowing || response.writableEnded || isGone(response)) return;
    if ("flushHeaders" in response) response.flushHeaders();
  });
}

function isGone(response: ProxyResponse): boolean {
  return "stream" in response ? response.stream.destroyed : response.destroyed;
}

/** A truncated answer must not look like a complete one. */
function cutOff(response: ProxyResponse): void {
  if ("stream" in response) response.stream.close(HTTP2_INTERNAL_ERROR);
  else response.destroy();
}

function writeHead(incoming: IncomingMessage, response: ProxyResponse): void {
  const status = incoming.statusCode ?? 502;
  if ("stream" in response) response.writeHead(status, responseHeaderMap(incoming.rawHeaders));
  else response.writeHead(status, incoming.statusMessage, responseHeaders(incoming.rawHeaders));
}
