/** What the HTTP relay answers in the place of a backend. Pure. */
import type { FramingProblem } from "./http-head.ts";

export type RelayError = FramingProblem | "request-timeout" | "no-endpoint" | "endpoint-closed";

const ANSWERS: Readonly<Record<RelayError, readonly [status: string, detail: string]>> = {
  foreign: ["400 Bad Request", "this is no HTTP/1.x request"],
  malformed: ["400 Bad Request", "the request is malformed or can be read in more than one way"],
  "too-long": ["431 Request Header Fields Too Large", "the request's head is too long"],
  unsupported: ["501 Not Implemented", "the request's Transfer-Encoding is not supported"],
  "request-timeout": ["408 Request Timeout", "the request did not arrive in time"],
  "no-endpoint": ["503 Service Unavailable", "no endpoint of this service accepts connections"],
  "endpoint-closed": ["502 Bad Gateway", "the endpoint closed the connection before it answered"],
};

/** A complete response; the connection closes after it. */
export function errorResponse(error: RelayError): string {
  const [status, detail] = ANSWERS[error];
  const body = `${detail}\n`;
  return `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}
