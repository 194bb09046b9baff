/** Writes answers to clients, over HTTP/1.1 and HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AnswerHead } from "./exchange.ts";
import { headerMap, responseHeaders, trailerFields, trailerMap } from "./forwarded-headers.ts";
import type { RawHeaders, Refusal } from "./request-target.ts";

export type ProxyRequest = IncomingMessage | Http2ServerRequest;
export type ProxyResponse = ServerResponse | Http2ServerResponse;

/** Copying that much costs less than a second piece. */
const MAX_INLINE_BYTES = 8 * 1024;

const GRPC = /^application\/grpc(?:$|[+; ])/i;
/** github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md; what is not named is UNKNOWN. */
const GRPC_CODES: Readonly<Record<number, number>> = {
  400: 13,
  404: 12,
  405: 12,
  429: 14,
  500: 13,
  502: 14,
  503: 14,
  504: 14,
};
const GRPC_UNKNOWN = 2;

/** Whether the client has left, or has its whole answer. */
export function isGone(response: ProxyResponse): boolean {
  return "stream" in response ? response.stream.destroyed : response.destroyed;
}

/** A truncated answer must not look like a complete one. */
export function cutOff(response: ProxyResponse): void {
  if ("stream" in response) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else response.destroy();
}

/** @throws what Node says of headers that cannot be sent */
export function writeHead(response: ProxyResponse, head: AnswerHead, headers: string[]): void {
  if (!("stream" in response)) {
    // A backend that speaks HTTP/2 has no words for its status.
    if (head.message === "") response.writeHead(head.status, headers);
    else response.writeHead(head.status, head.message, headers);
    return;
  }
  response.stream.respond(
    { ":status": head.status, ...headerMap(headers) },
    // gRPC tells an answer without a body from an empty one: the stream has to end with its head.
    head.isAll ? { endStream: true } : { waitForTrailers: true },
  );
}

/** False: wait for `drain`. */
export function writeBody(response: ProxyResponse, bytes: Buffer): boolean {
  return "stream" in response ? response.stream.write(bytes) : response.write(bytes);
}

/** Of a response whose head is written. `last` is the rest of the body. */
export function endResponse(response: ProxyResponse, trailers: RawHeaders, last?: Buffer): void {
  const passed = trailers.length === 0 ? [] : trailerFields(trailers);
  if (!("stream" in response)) {
    if (passed.length > 0) response.addTrailers(pairsOf(passed));
    if (last === undefined) response.end();
    // A text goes out in one piece with the head, bytes in two.
    else if (last.length <= MAX_INLINE_BYTES) response.end(last.toString("latin1"), "latin1");
    else response.end(last);
    return;
  }
  const { stream } = response;
  if (stream.destroyed || stream.writableEnded) return;
  // Node sends them, or else an empty frame, when the stream wants to end.
  if (passed.length > 0) response.addTrailers(trailerMap(passed));
  if (last === undefined) stream.end();
  else stream.end(last);
}

/** Where the response says that it takes more. */
export function whenDrained(response: ProxyResponse, resume: () => void): void {
  if ("stream" in response) response.stream.once("drain", resume);
  else response.once("drain", resume);
}

/** Of the answer of a backend: those that go on to the client. */
export const headersToClient = responseHeaders;

/** An answer of the proxy itself; to gRPC clients in the form that they understand. */
export function answer(request: ProxyRequest, response: ProxyResponse, refusal: Refusal): void {
  if (response.headersSent) {
    cutOff(response);
    return;
  }
  const { status, message, headers: own = {} } = refusal;
  if ("stream" in response && GRPC.test(String(request.headers["content-type"] ?? ""))) {
    response.stream.respond(
      {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": String(GRPC_CODES[status] ?? GRPC_UNKNOWN),
        "grpc-message": encodeURIComponent(message),
      },
      { endStream: true },
    );
    return;
  }
  const body = message === "" ? "" : `${message}\n`;
  const headers: Record<string, string | number> = {
    ...(body === "" ? {} : { "content-type": "text/plain; charset=utf-8" }),
    ...(status === 204 ? {} : { "content-length": Buffer.byteLength(body) }),
    "x-content-type-options": "nosniff",
    ...own,
  };
  if ("stream" in response) {
    response.writeHead(status, headers);
    response.end(body);
    return;
  }
  // What is left of the request is not worth reading, and must not be taken for another one.
  if (announcesBody(response.req) && !response.req.complete) headers["connection"] = "close";
  response.writeHead(status, headers);
  response.end(body);
}

export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function pairsOf(flat: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return pairs;
}
