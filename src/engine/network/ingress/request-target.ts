/**
 * Reads what a request is for, and refuses what this proxy and a backend could read in two ways:
 * that difference is what request smuggling and path tricks live on. Pure. Framing (Content-Length
 * beside Transfer-Encoding, bare line feeds, …) is refused by Node's parser before this is asked.
 */

/** Headers as they came: name, value, name, value, … */
export type RawHeaders = readonly string[];

export interface RequestTarget {
  /** As the backend and X-Forwarded-Host get it. */
  readonly authority: string;
  /** The authority in lower case, without port and trailing dot. */
  readonly host: string;
  /** Without query. */
  readonly path: string;
  /** Path and query, as the backend gets it. */
  readonly url: string;
}
/** A request that is answered without asking a backend. */
export interface Refusal {
  readonly status: number;
  /** Empty: an answer without a body. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}
export const isRefusal = (result: object): result is Refusal => "status" in result;

const refuse = (message: string, status = 400): Refusal => ({ status, message });

/** Host and port as RFC 3986 §3.2.2 has them, without user information. */
const AUTHORITY =
  /^(?<host>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?)(?::(?<port>\d{0,5}))?$/i;
const ABSOLUTE_FORM = /^https?:\/\/(?<authority>[^/?#]*)(?<rest>.*)$/is;
/** A segment that a backend may take for `.` or `..`; both slashes, plain or encoded, end one. */
const DOT_SEGMENT = /(?:^|\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=$|\/|\\|%2f|%5c|;)/i;

/** `url` as in the request line; `headers` with everything that came. */
export function readTarget(
  method: string,
  url: string,
  headers: RawHeaders,
): RequestTarget | Refusal {
  if (method === "TRACE" || method === "CONNECT")
    return refuse(`${method} is not allowed here`, 405);
  const hosts = valuesOf(headers, "host");
  const pseudo = valuesOf(headers, ":authority");
  if (hosts.length > 1 || pseudo.length > 1) return refuse("more than one Host");
  let authority = pseudo[0] ?? hosts[0] ?? "";
  if (hosts[0] !== undefined && !sameText(hosts[0], authority))
    return refuse("Host differs from :authority");
  let rest = url;
  const absolute = ABSOLUTE_FORM.exec(url)?.groups;
  if (absolute !== undefined) {
    if (authority !== "" && !sameText(absolute["authority"] ?? "", authority))
      return refuse("Host differs from the request's URL");
    authority = absolute["authority"] ?? "";
    rest = absolute["rest"] ?? "";
    if (!rest.startsWith("/")) rest = `/${rest}`;
  }
  const host = AUTHORITY.exec(authority)?.groups?.["host"];
  if (host === undefined) return refuse(authority === "" ? "no Host" : "bad Host");
  if (!rest.startsWith("/") || rest.includes("#")) return refuse("bad request target");
  const path = rest.split("?", 1)[0] ?? rest;
  if (DOT_SEGMENT.test(path)) return refuse("the path has dot segments; send it resolved");
  return { authority, host: host.toLowerCase().replace(/\.$/, ""), path, url: rest };
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function valuesOf(headers: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.length === name.length && headers[at]?.toLowerCase() === name)
      values.push(headers[at + 1] ?? "");
  return values;
}
