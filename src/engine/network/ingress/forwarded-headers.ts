/**
 * What becomes of headers on the way to a backend and back. Pure. Those that concern one connection
 * (RFC 9110 §7.6.1) end here; what says where a request came from is written anew, since nothing in
 * front of this proxy is trusted.
 */
import type { RawHeaders } from "./request-target.ts";

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);
/** Written by the proxy, or answered by it (`Expect`). */
const REPLACED = new Set([
  "host",
  "expect",
  "content-length",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
]);

export interface Origin {
  /** The client's IP address. */
  readonly client: string;
  readonly protocol: "http" | "https";
  readonly authority: string;
  /** The port that the client connected to. */
  readonly port: number;
}
/** How the body of a request is sent on. */
export type BodyFraming = "none" | "chunked" | { readonly length: string };

/** What the backend gets, without what frames the body or concerns the connection. */
export function requestHeaders(headers: RawHeaders, origin: Origin): string[] {
  const ends = endingHere(headers);
  const sent = ["Host", origin.authority];
  let cookies: string | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const lower = name.toLowerCase();
    if (lower.startsWith(":") || ends.has(lower) || REPLACED.has(lower)) continue;
    // HTTP/2 clients may send a field for each cookie; HTTP/1.1 knows one (RFC 9113 §8.2.3).
    if (lower !== "cookie") sent.push(name, headers[at + 1] ?? "");
    else if (cookies === undefined) cookies = headers[at + 1] ?? "";
    else cookies += `; ${headers[at + 1] ?? ""}`;
  }
  if (cookies !== undefined) sent.push("Cookie", cookies);
  sent.push(
    "X-Forwarded-For",
    origin.client,
    "X-Forwarded-Host",
    origin.authority,
    "X-Forwarded-Port",
    String(origin.port),
    "X-Forwarded-Proto",
    origin.protocol,
    "X-Real-IP",
    origin.client,
  );
  return sent;
}

/** Of a response, for HTTP/1.1: as they came, with repetitions. */
export function responseHeaders(headers: RawHeaders): string[] {
  const ends = endingHere(headers);
  const sent: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    if (!ends.has(name.toLowerCase())) sent.push(name, headers[at + 1] ?? "");
  }
  return sent;
}

/** As `node:http2` takes headers: names in lower case, one entry for each. */
export function headerMap(headers: RawHeaders): Record<string, string | string[]> {
  const map: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = (headers[at] ?? "").toLowerCase();
    const value = headers[at + 1] ?? "";
    const known = map[name];
    map[name] = known === undefined ? value : [known, value].flat();
  }
  return map;
}

/** What may stand in a field. */
const TRAILER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const TRAILER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Fields that frame or route a message mean nothing after it (RFC 9110 §6.5.1). */
const NO_TRAILERS = new Set(["content-length", "host", "content-type", "content-encoding"]);

/** Trailers that may be passed on. */
export function trailerFields(trailers: RawHeaders): string[] {
  const passed: string[] = [];
  for (let at = 0; at + 1 < trailers.length; at += 2) {
    const name = (trailers[at] ?? "").toLowerCase();
    const value = trailers[at + 1] ?? "";
    if (HOP_BY_HOP.has(name) || NO_TRAILERS.has(name) || !TRAILER_NAME.test(name)) continue;
    // Node throws for others, long after they were handed over.
    if (TRAILER_VALUE.test(value)) passed.push(trailers[at] ?? "", value);
  }
  return passed;
}

/** Trailers that may be passed on, as `node:http2` takes them: of many fields it wants only one. */
export function trailerMap(trailers: RawHeaders): Record<string, string> {
  const fields = Object.entries(headerMap(trailerFields(trailers)));
  return Object.fromEntries(fields.map(([name, value]) => [name, [value].flat().join(", ")]));
}

const CONNECTION = "connection";

/** Names of headers that go no further, those named by `Connection` included. */
function endingHere(headers: RawHeaders): ReadonlySet<string> {
  let ends: ReadonlySet<string> = HOP_BY_HOP;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length !== CONNECTION.length) continue;
    if (headers[at]?.toLowerCase() !== CONNECTION) continue;
    const named = (headers[at + 1] ?? "").toLowerCase().split(",");
    ends = new Set([...ends, ...named.map((name) => name.trim())]);
  }
  return ends;
}
