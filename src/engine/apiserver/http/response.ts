/** Writes responses: bytes that are ready, JSON, or a `Status`. Works for HTTP/1.1 and HTTP/2 alike. */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { StatusError } from "../../../kube/status-error.ts";
import { CompactedError, StoreUnavailableError } from "../../store/store.ts";

export type HttpResponse = ServerResponse | Http2ServerResponse;

/** A warning longer than this is cut: headers are bounded (RFC 9111 §5.5 gives none). */
const MAX_WARNING_CHARACTERS = 512;
const MAX_WARNINGS = 20;

/** `Warning: 299 - "text"` headers. */
export function addWarnings(response: HttpResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  const values = warnings.slice(0, MAX_WARNINGS).map((text) => {
    const clean = [...text]
      .map((character) => (character < " " || character > "~" ? "?" : character))
      .join("")
      .slice(0, MAX_WARNING_CHARACTERS);
    return `299 - "${clean.replace(/["\\]/g, "\\$&")}"`;
  });
  response.setHeader("warning", values);
}

export function sendBytes(
  response: HttpResponse,
  code: number,
  bytes: Buffer | readonly Buffer[],
  contentType = "application/json",
): void {
  const pieces = Array.isArray(bytes) ? (bytes as readonly Buffer[]) : [bytes as Buffer];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  response.statusCode = code;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", "no-cache, private");
  response.setHeader("content-length", length);
  const stream = response as ServerResponse;
  const last = pieces.at(-1);
  stream.cork?.();
  for (const piece of pieces.slice(0, -1)) stream.write(piece);
  stream.end(last);
  stream.uncork?.();
}

export function sendJson(
  response: HttpResponse,
  code: number,
  value: unknown,
  contentType?: string,
): void {
  sendBytes(response, code, Buffer.from(JSON.stringify(value)), contentType);
}

export function sendText(response: HttpResponse, code: number, text: string): void {
  sendBytes(response, code, Buffer.from(text), "text/plain; charset=utf-8");
}

/** Any failure as the `Status` that a client understands; what is our own fault says no details. */
export function toStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof CompactedError) return StatusError.of("Expired", error.message);
  if (error instanceof StoreUnavailableError)
    return StatusError.of("ServiceUnavailable", `the store accepts no writes: ${error.message}`);
  return StatusError.of("InternalError", "an internal error occurred; see the server's log");
}

export function sendError(response: HttpResponse, error: StatusError): void {
  const retryAfter = error.status.details?.retryAfterSeconds;
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  if (error.code === 401) response.setHeader("www-authenticate", 'Bearer realm="gantry"');
  sendJson(response, error.code, error.status);
}
