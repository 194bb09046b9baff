/** Makes rules and matches of what HTTPRoutes and GRPCRoutes say. Pure. */
import { durationMs } from "../../../kube/kinds/gateway/duration.ts";
import type {
  BackendReference,
  GRPCRouteMatch,
  GRPCRouteRule,
  HTTPRouteMatch,
  HTTPRouteRule,
  RouteFilter,
  WeightedBackendReference,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import type { RouteBackend } from "../ingress/route-backend.ts";
import type { PathMatch, RuleMatch } from "./route-matches.ts";
import type { RouteRule, RouteTarget, RuleFilters } from "./route-rule.ts";
import { headerTests, patternTest, queryTests } from "./value-match.ts";

/** Undefined for what may not be asked, or is not there. */
export type ResolveBackend = (reference: BackendReference) => RouteBackend | undefined;

const ROOT: PathMatch = { type: "PathPrefix", value: "/" };

export function compileHttpRule(
  name: string,
  rule: HTTPRouteRule,
  resolve: ResolveBackend,
): { readonly rule: RouteRule; readonly matches: RuleMatch[] } {
  const matches = rule.matches ?? [];
  // Validation lets ReplacePrefixMatch stand beside one such match only.
  const prefix = matches[0]?.path?.value ?? ROOT.value;
  const compiled = compile(name, rule, prefix, resolve, {
    requestTimeoutMs: durationMs(rule.timeouts?.request),
    attemptTimeoutMs: durationMs(rule.timeouts?.backendRequest),
  });
  const list = matches.length === 0 ? [{}] : matches;
  return { rule: compiled, matches: list.map((match) => httpMatch(match, compiled)) };
}

export function compileGrpcRule(
  name: string,
  rule: GRPCRouteRule,
  resolve: ResolveBackend,
): { readonly rule: RouteRule; readonly matches: RuleMatch[] } {
  const asHttp2: ResolveBackend = (reference) => {
    const backend = resolve(reference);
    return backend && { ...backend, isHttp2: true };
  };
  const compiled = compile(name, rule, ROOT.value, asHttp2, {
    requestTimeoutMs: undefined,
    attemptTimeoutMs: undefined,
  });
  const matches = rule.matches ?? [];
  const list = matches.length === 0 ? [{}] : matches;
  return { rule: compiled, matches: list.map((match) => grpcMatch(match, compiled)) };
}

function httpMatch(match: HTTPRouteMatch, rule: RouteRule): RuleMatch {
  const { type = "PathPrefix", value = "/" } = match.path ?? {};
  return {
    path:
      type === "RegularExpression" ? { type, value, test: patternTest(value) } : { type, value },
    method: match.method,
    headers: headerTests(match.headers ?? []),
    query: queryTests(match.queryParams ?? []),
    isGrpc: false,
    rule,
  };
}

function grpcMatch({ method, headers = [] }: GRPCRouteMatch, rule: RouteRule): RuleMatch {
  return {
    path: grpcPath(method),
    method: "POST",
    headers: headerTests(headers),
    query: [],
    isGrpc: true,
    rule,
  };
}

/** A call's path is `/package.Service/Method`. */
function grpcPath(match: GRPCRouteMatch["method"]): PathMatch {
  const { type = "Exact", service = "", method = "" } = match ?? {};
  if (service === "" && method === "") return ROOT;
  if (type === "Exact" && method === "") return { type: "PathPrefix", value: `/${service}` };
  if (type === "Exact" && service !== "") return { type: "Exact", value: `/${service}/${method}` };
  const literal = (text: string): string => (type === "Exact" ? text.replaceAll(".", "\\.") : text);
  const part = (text: string): string => (text === "" ? "[^/]+" : `(?:${literal(text)})`);
  const value = `/${part(service)}/${part(method)}`;
  return { type: "RegularExpression", value, test: patternTest(value) };
}

function compile(
  name: string,
  rule: {
    readonly filters?: readonly RouteFilter[];
    readonly backendRefs?: readonly WeightedBackendReference[];
  },
  prefix: string,
  resolve: ResolveBackend,
  timeouts: Pick<RouteRule, "requestTimeoutMs" | "attemptTimeoutMs">,
): RouteRule {
  const targets = (rule.backendRefs ?? []).map(
    (reference): RouteTarget => ({
      backend: resolve(reference),
      weight: reference.weight ?? 1,
      filters: compileFilters(reference.filters ?? [], prefix, resolve),
    }),
  );
  return {
    name,
    filters: compileFilters(rule.filters ?? [], prefix, resolve),
    targets,
    totalWeight: targets.reduce((sum, { weight }) => sum + weight, 0),
    ...timeouts,
  };
}

function compileFilters(
  filters: readonly RouteFilter[],
  prefix: string,
  resolve: ResolveBackend,
): RuleFilters {
  const rewrite = filters.find(({ urlRewrite }) => urlRewrite !== undefined)?.urlRewrite;
  const redirect = filters.find((one) => one.requestRedirect !== undefined)?.requestRedirect;
  return {
    requestHeaders: filters.flatMap(({ requestHeaderModifier }) => requestHeaderModifier ?? []),
    responseHeaders: filters.flatMap(({ responseHeaderModifier }) => responseHeaderModifier ?? []),
    rewrite: rewrite && {
      hostname: rewrite.hostname,
      path: rewrite.path && { modifier: rewrite.path, prefix },
    },
    redirect: redirect && {
      ...redirect,
      path: redirect.path && { modifier: redirect.path, prefix },
    },
    cors: filters.find(({ cors }) => cors !== undefined)?.cors,
    mirrors: filters.flatMap(({ requestMirror }) => {
      if (requestMirror === undefined) return [];
      const { backendRef, percent = 100, fraction } = requestMirror;
      const share =
        fraction === undefined ? percent / 100 : fraction.numerator / (fraction.denominator ?? 100);
      return [{ backend: resolve(backendRef), share }];
    }),
    isBroken: filters.some(({ type }) => type === "ExtensionRef"),
  };
}
