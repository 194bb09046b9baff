/** What a request to a backend is made of, apart from which backend it is. */
import type { ProxyRequest } from "./client-response.ts";
import type { OutgoingRequest } from "./exchange.ts";
import type { BodyFraming } from "./forwarded-headers.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import type { RawHeaders } from "./request-target.ts";

export interface SentAs {
  readonly url: string;
  readonly headers: RawHeaders;
  readonly limits: IngressLimits;
  /** Until the backend begins to answer; 0 for no bound. @default that of `limits` */
  readonly answerTimeoutMs?: number | undefined;
  /** Set when the client asks to leave HTTP. */
  readonly upgrade?: { readonly protocol: string } | undefined;
}

export function outgoingRequest(
  request: ProxyRequest,
  { url, headers, upgrade, limits, answerTimeoutMs }: SentAs,
): OutgoingRequest {
  return {
    method: request.method ?? "GET",
    url,
    headers,
    framing: framingOf(request),
    upgrade: upgrade?.protocol,
    trailers: takesTrailers(request),
    answerTimeoutMs: answerTimeoutMs ?? limits.answerTimeoutMs,
  };
}

export function framingOf(request: ProxyRequest): BodyFraming {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined) return "chunked";
  const length = headers["content-length"];
  if (length !== undefined) return length === "0" && isBodyless(request) ? "none" : { length };
  if ("stream" in request) return request.stream.endAfterHeaders ? emptyOf(request) : "chunked";
  return emptyOf(request);
}

/** Methods that give a body a meaning say that theirs is empty (RFC 9110 §8.6). */
const emptyOf = (request: ProxyRequest): BodyFraming => (isBodyless(request) ? "none" : EMPTY_BODY);
const EMPTY_BODY: BodyFraming = { length: "0" };

const isBodyless = ({ method }: ProxyRequest): boolean =>
  method === "GET" || method === "HEAD" || method === "DELETE" || method === "OPTIONS";

export const hasBody = (framing: BodyFraming): boolean =>
  framing === "chunked" || (framing !== "none" && framing.length !== "0");

function takesTrailers({ headers }: ProxyRequest): boolean {
  const { te } = headers;
  return te !== undefined && /(?:^|[ \t,])trailers(?:$|[ \t,;])/i.test(String(te));
}
