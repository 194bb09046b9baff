/** Carries out a rule of an HTTPRoute or GRPCRoute: its filters, then one of its backends. */
import { corsHeaders, isPreflight, preflightHeaders } from "../gateway/cors.ts";
import { editHeaders } from "../gateway/edit-headers.ts";
import { changePath, type RedirectedFrom, redirectLocation } from "../gateway/rewrite-url.ts";
import {
  pickTarget,
  type RouteRule,
  type RouteTarget,
  type RuleFilters,
} from "../gateway/route-rule.ts";
import type { ProxyRequest, ProxyResponse } from "./client-response.ts";
import { type Forwarding, type ForwardOptions, forwardRequest } from "./forward-request.ts";
import { mirrorRequest } from "./mirror-request.ts";
import type { RawHeaders, Refusal } from "./request-target.ts";
import type { RouteBackend } from "./route-backend.ts";
import type { ServiceBackends } from "./service-backends.ts";

export interface RuleRequest {
  readonly request: ProxyRequest;
  readonly response: ProxyResponse;
  /** As without any filter. */
  readonly options: ForwardOptions;
  readonly backendsOf: (backend: RouteBackend) => ServiceBackends | undefined;
  readonly random: () => number;
  readonly from: RedirectedFrom;
}

/** Upstream's default of `statusCode`. */
const FOUND = 302;

const NO_TARGET: Refusal = { status: 500, message: "the route has no backend that may be asked" };
const NO_FILTER: Refusal = {
  status: 500,
  message: "the route has a filter that is not known here",
};
const NO_SERVICE: Refusal = { status: 500, message: "the route leads to no Service" };

/** What to answer instead, or the request on its way. */
export function serveRule(rule: RouteRule, asked: RuleRequest): Refusal | Forwarding {
  const { request, response, backendsOf, random } = asked;
  const early = answeredByFilter(rule.filters, asked);
  if (early !== undefined) return early;
  const target = pickTarget(rule, random());
  if (target?.backend === undefined) return NO_TARGET;
  const own = answeredByFilter(target.filters, asked);
  if (own !== undefined) return own;
  const backends = backendsOf(target.backend);
  if (backends === undefined) return NO_SERVICE;
  const options = optionsOf(rule, target, asked);
  const mirrors = [...rule.filters.mirrors, ...target.filters.mirrors]
    .filter(({ share }) => share > 0 && random() < share)
    .flatMap(({ backend }) => (backend && backendsOf(backend)) ?? []);
  const copies = mirrors.length === 0 ? undefined : mirrorRequest(request, mirrors, options);
  return forwardRequest(request, response, backends, { ...options, copies });
}

function answeredByFilter(filters: RuleFilters, asked: RuleRequest): Refusal | undefined {
  const { request, from } = asked;
  if (filters.isBroken) return NO_FILTER;
  if (filters.cors !== undefined && isPreflight(request.method ?? "", request.headers))
    return { status: 204, message: "", headers: preflightHeaders(filters.cors, request.headers) };
  if (filters.redirect === undefined) return undefined;
  return {
    status: filters.redirect.statusCode ?? FOUND,
    message: "",
    headers: { location: redirectLocation(filters.redirect, from) },
  };
}

function optionsOf(
  rule: RouteRule,
  target: RouteTarget,
  { options, request }: RuleRequest,
): ForwardOptions {
  const both = [rule.filters, target.filters];
  let { url, headers }: { url: string; headers: RawHeaders } = options;
  for (const { rewrite, requestHeaders } of both) {
    if (requestHeaders.length > 0) headers = editHeaders(headers, requestHeaders);
    url = changePath(url, rewrite?.path);
    if (rewrite?.hostname !== undefined) headers = withHost(headers, rewrite.hostname);
  }
  const answers = both.flatMap(({ responseHeaders }) => responseHeaders);
  const cors = both.map((filters) => filters.cors && corsHeaders(filters.cors, request.headers));
  const granted = cors.find((one) => one !== undefined);
  const edits = [
    ...(granted === undefined
      ? []
      : [{ set: Object.entries(granted).map(([name, value]) => ({ name, value })) }]),
    ...answers,
  ];
  const { requestTimeoutMs, attemptTimeoutMs } = rule;
  const bound = attemptTimeoutMs ?? requestTimeoutMs;
  return {
    ...options,
    url,
    headers,
    ...(edits.length === 0 ? {} : { editAnswer: (list: string[]) => editHeaders(list, edits) }),
    ...(requestTimeoutMs ? { requestTimeoutMs } : {}),
    ...(attemptTimeoutMs ? { attemptTimeoutMs } : {}),
    // The proxy's own bound gives way to the route's, which may be longer, or none.
    ...(bound === undefined ? {} : { answerTimeoutMs: bound }),
  };
}

/** `Host` comes first, as `requestHeaders` writes it. */
const withHost = (headers: RawHeaders, host: string): string[] => [
  "Host",
  host,
  ...headers.slice(2),
];
