/**
 * Which rule a request is for, among the routes of one port. Pure. The most exact listener decides
 * first; of its routes, the most exact host, then the precedence of HTTPRouteRule.matches: exact
 * paths, regular expressions, prefixes from the longest on, method, number of headers, number of
 * query parameters, the older route, its place in the route.
 */
import type { IncomingHttpHeaders } from "node:http";
import { hostRank, matchesHost } from "./hostname.ts";
import type { RouteRule } from "./route-rule.ts";
import type { NamedTest, TextTest } from "./value-match.ts";

/** A request, as far as routes look at it. */
export interface Asked {
  /** In lower case, without port. */
  readonly host: string;
  /** Without query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly method: string;
  readonly headers: Readonly<IncomingHttpHeaders>;
}

export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  readonly value: string;
  /** Of `RegularExpression`. */
  readonly test?: TextTest;
}
export interface RuleMatch {
  readonly path: PathMatch;
  readonly method: string | undefined;
  readonly headers: readonly NamedTest[];
  readonly query: readonly NamedTest[];
  /** Only calls of gRPC. */
  readonly isGrpc: boolean;
  readonly rule: RouteRule;
}

export interface Found {
  readonly rule: RouteRule;
  /** How exact the host was; see `hostRank`. */
  readonly rank: number;
}

/** Matches of one host, added in the order of their age. */
class HostMatches {
  readonly #exact = new Map<string, RuleMatch[]>();
  readonly #patterns: RuleMatch[] = [];
  /** By path without a slash at the end. */
  readonly #prefixes = new Map<string, RuleMatch[]>();
  #longest = 0;

  add(match: RuleMatch): void {
    const { type, value } = match.path;
    if (type === "RegularExpression") this.#patterns.push(match);
    else if (type === "Exact") push(this.#exact, value, match);
    else {
      const key = value.endsWith("/") ? value.slice(0, -1) : value;
      push(this.#prefixes, key, match);
      this.#longest = Math.max(this.#longest, key.length);
    }
  }

  /** Call once after the last `add`; the sort is stable, so that age breaks ties. */
  seal(): void {
    for (const matches of [...this.#exact.values(), ...this.#prefixes.values()])
      matches.sort(byPrecedence);
    this.#patterns.sort((a, b) => b.path.value.length - a.path.value.length || byPrecedence(a, b));
  }

  find(asked: Asked): RouteRule | undefined {
    return (
      firstOf(this.#exact.get(asked.path), asked) ??
      this.#patterns.find((match) => match.path.test?.(asked.path) === true && isMet(match, asked))
        ?.rule ??
      this.#byPrefix(asked)
    );
  }

  #byPrefix(asked: Asked): RouteRule | undefined {
    const { path } = asked;
    // No rule is longer: what follows needs no look.
    let end = path.length;
    if (end > this.#longest) {
      const slash = path.indexOf("/", this.#longest);
      if (slash >= 0) end = slash;
    }
    while (end >= 0) {
      const found = firstOf(this.#prefixes.get(path.slice(0, end)), asked);
      if (found !== undefined) return found;
      if (end === 0) return undefined;
      end = path.lastIndexOf("/", end - 1);
    }
    return undefined;
  }
}

/** The routes that are attached to listeners of one host. */
export class ListenerRoutes {
  readonly #hosts = new Map<string, HostMatches>();
  /** Hosts with a wildcard, the most exact one first. */
  #wildcards: { readonly host: string; readonly matches: HostMatches }[] = [];

  add(host: string, match: RuleMatch): void {
    let matches = this.#hosts.get(host);
    if (matches === undefined) {
      matches = new HostMatches();
      this.#hosts.set(host, matches);
    }
    matches.add(match);
  }

  seal(): void {
    for (const matches of this.#hosts.values()) matches.seal();
    this.#wildcards = [...this.#hosts]
      .filter(([host]) => host === "" || host.startsWith("*."))
      .map(([host, matches]) => ({ host, matches }))
      .sort((a, b) => hostRank(b.host) - hostRank(a.host));
  }

  find(asked: Asked): Found | undefined {
    const exact = this.#hosts.get(asked.host)?.find(asked);
    if (exact !== undefined) return { rule: exact, rank: hostRank(asked.host) };
    for (const { host, matches } of this.#wildcards) {
      if (!matchesHost(host, asked.host)) continue;
      const rule = matches.find(asked);
      if (rule !== undefined) return { rule, rank: hostRank(host) };
    }
    return undefined;
  }
}

/** The listeners of one port, by their hosts. */
export class PortRoutes {
  readonly #listeners: readonly { readonly host: string; readonly routes: ListenerRoutes }[];

  constructor(listeners: ReadonlyMap<string, ListenerRoutes>) {
    this.#listeners = [...listeners]
      .map(([host, routes]) => ({ host, routes }))
      .sort((a, b) => hostRank(b.host) - hostRank(a.host));
    for (const { routes } of this.#listeners) routes.seal();
  }

  find(asked: Asked): Found | undefined {
    return this.#listeners.find(({ host }) => matchesHost(host, asked.host))?.routes.find(asked);
  }
}

function push(map: Map<string, RuleMatch[]>, key: string, match: RuleMatch): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [match]);
  else known.push(match);
}

function byPrecedence(a: RuleMatch, b: RuleMatch): number {
  const method = Number(b.method !== undefined) - Number(a.method !== undefined);
  return method || b.headers.length - a.headers.length || b.query.length - a.query.length;
}

function firstOf(matches: readonly RuleMatch[] | undefined, asked: Asked): RouteRule | undefined {
  return matches?.find((match) => isMet(match, asked))?.rule;
}

/** All but the path. */
function isMet({ method, headers, query, isGrpc }: RuleMatch, asked: Asked): boolean {
  if (method !== undefined && method !== asked.method) return false;
  if (isGrpc && !isGrpcCall(asked)) return false;
  for (const { name, test } of headers) {
    const value = asked.headers[name];
    if (value === undefined || !test(Array.isArray(value) ? value.join(", ") : value)) return false;
  }
  if (query.length === 0) return true;
  const parameters = new URLSearchParams(asked.query);
  return query.every(({ name, test }) => {
    const value = parameters.get(name);
    return value !== null && test(value);
  });
}

const isGrpcCall = ({ headers }: Asked): boolean =>
  /^application\/grpc(?:$|[+; ])/i.test(headers["content-type"] ?? "");
