/** What `URLRewrite` and `RequestRedirect` make of a URL. Pure. */
import type { PathChange, Redirect } from "./route-rule.ts";

/** `url` is path and query; the query stays. */
export function changePath(url: string, change: PathChange | undefined): string {
  if (change === undefined) return url;
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  return `${newPath(path, change)}${mark < 0 ? "" : url.slice(mark)}`;
}

function newPath(path: string, { modifier, prefix }: PathChange): string {
  if (modifier.type === "ReplaceFullPath") return rooted(modifier.replaceFullPath ?? "");
  const matched = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  const rest = path.slice(matched.length);
  const replacement = (modifier.replacePrefixMatch ?? "").replace(/\/$/, "");
  // `/foo` replaced by `/` in `/foo` is `/`, and in `/foo/bar` it is `/bar`.
  return rooted(`${replacement}${rest}`);
}

/** Never `//host`, which a client takes for another host. */
const rooted = (path: string): string => `/${path.replace(/^\/+/, "")}`;

export interface RedirectedFrom {
  readonly scheme: "http" | "https";
  /** As the client sent it. */
  readonly authority: string;
  readonly url: string;
  /** Of the listener, as the Gateway has it. */
  readonly listenerPort: number;
  /** Where a port of a Gateway is reached, when that is another one and the client used it. */
  readonly reachedAt: (port: number) => number;
}

const WELL_KNOWN = { http: 80, https: 443 };

/** The `Location`, by the rules of HTTPRequestRedirectFilter. */
export function redirectLocation(redirect: Redirect, from: RedirectedFrom): string {
  const scheme = redirect.scheme ?? from.scheme;
  const host = redirect.hostname ?? from.authority.replace(/:\d*$/, "");
  const derived = redirect.scheme === undefined ? from.listenerPort : WELL_KNOWN[scheme];
  const port = from.reachedAt(redirect.port ?? derived);
  const at = port === WELL_KNOWN[scheme] ? "" : `:${port}`;
  return `${scheme}://${host}${at}${changePath(from.url, redirect.path)}`;
}
