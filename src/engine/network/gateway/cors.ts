/** What the `CORS` filter answers and adds (fetch.spec.whatwg.org, "CORS protocol"). Pure. */
import type { IncomingHttpHeaders } from "node:http";
import type { CorsFilter } from "../../../kube/kinds/gateway/gateway-types.ts";

/** Upstream's default of `maxAge`. */
const MAX_AGE_SECONDS = 5;

/** Headers for the answer to an allowed origin; undefined when the origin is absent or not allowed. */
export function corsHeaders(
  cors: CorsFilter,
  headers: Readonly<IncomingHttpHeaders>,
): Record<string, string> | undefined {
  const { origin } = headers;
  if (origin === undefined || !isAllowed(cors.allowOrigins ?? [], origin)) return undefined;
  const credentials = cors.allowCredentials === true;
  const any = cors.allowOrigins?.includes("*") === true && !credentials;
  return {
    "access-control-allow-origin": any ? "*" : origin,
    ...(credentials ? { "access-control-allow-credentials": "true" } : {}),
    ...((cors.exposeHeaders ?? []).length === 0
      ? {}
      : { "access-control-expose-headers": (cors.exposeHeaders ?? []).join(", ") }),
    ...(any ? {} : { vary: "Origin" }),
  };
}

export function isPreflight(method: string, headers: Readonly<IncomingHttpHeaders>): boolean {
  return (
    method === "OPTIONS" &&
    headers.origin !== undefined &&
    headers["access-control-request-method"] !== undefined
  );
}

/** The answer to a preflight request: without permission for an origin that is not allowed. */
export function preflightHeaders(
  cors: CorsFilter,
  headers: Readonly<IncomingHttpHeaders>,
): Record<string, string> {
  const allowed = corsHeaders(cors, headers);
  if (allowed === undefined) return { vary: "Origin" };
  const { "access-control-expose-headers": _, ...granted } = allowed;
  // With credentials `*` would be taken literally: what was asked for is named instead.
  const named = (values: readonly string[], asked: string | undefined): string =>
    values.includes("*") && cors.allowCredentials === true ? (asked ?? "") : values.join(", ");
  const methods = named(cors.allowMethods ?? [], headers["access-control-request-method"]);
  const fields = named(cors.allowHeaders ?? [], headers["access-control-request-headers"]);
  return {
    ...granted,
    ...(methods === "" ? {} : { "access-control-allow-methods": methods }),
    ...(fields === "" ? {} : { "access-control-allow-headers": fields }),
    "access-control-max-age": String(cors.maxAge ?? MAX_AGE_SECONDS),
  };
}

/** `https://*.example.com` allows what is below, of the same scheme and port. */
function isAllowed(allowed: readonly string[], origin: string): boolean {
  const asked = origin.toLowerCase();
  return allowed.some((entry) => {
    const lower = entry.toLowerCase();
    if (lower === "*" || lower === asked) return true;
    const star = lower.indexOf("://*");
    if (star < 0) return false;
    const scheme = lower.slice(0, star + 3);
    const rest = lower.slice(star + 4);
    const host = asked.slice(scheme.length);
    return asked.startsWith(scheme) && host.length > rest.length && host.endsWith(rest);
  });
}
