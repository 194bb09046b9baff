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

export function requestHeaders(
  headers: RawHeaders,
  origin: Origin,
  framing: BodyFraming,
  upgrade?: string,
): string[] {
  const ends = endingHere(headers);
  const sent = ["Host", origin.authority];
  const cookies: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const lower = name.toLowerCase();
    if (lower.startsWith(":") || ends.has(lower) || REPLACED.has(lower)) continue;
    // HTTP/2 clients may send a field for each cookie; HTTP/1.1 knows one (RFC 9113 §8.2.3).
    if (lower === "cookie") cookies.push(headers[at + 1] ?? "");
    else sent.push(name, headers[at + 1] ?? "");
  }
  if (cookies.length > 0) sent.push("Cookie", cookies.join("; "));
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
  if (framing === "chunked") sent.push("Transfer-Encoding", "chunked");
  else if (framing !== "none") sent.push("Content-Length", framing.length);
  if (upgrade === undefined) sent.push("Connection", "keep-alive");
  else sent.push("Connection", "Upgrade", "Upgrade", upgrade);
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

/** The same for HTTP/2, which wants lower case and one entry for each name. */
export function responseHeaderMap(headers: RawHeaders): Record<string, string | string[]> {
  const sent: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
  const flat = responseHeaders(headers);
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? "").toLowerCase();
    const value = flat[at + 1] ?? "";
    const known = sent[name];
    sent[name] = known === undefined ? value : [known, value].flat();
  }
  return sent;
}

/** Names of headers that go no further, those named by `Connection` included. */
function endingHere(headers: RawHeaders): ReadonlySet<string> {
  let ends: ReadonlySet<string> = HOP_BY_HOP;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== "connection") continue;
    const named = (headers[at + 1] ?? "").toLowerCase().split(",");
    ends = new Set([...ends, ...named.map((name) => name.trim())]);
  }
  return ends;
}
