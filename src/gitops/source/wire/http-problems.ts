/** From what goes wrong on the wire to errors that say what to do. */
import { abortedError, SourceError } from "../source-error.ts";

/** What an HTTP status other than 200 means for a fetch. */
export function statusError(status: number, where: string): SourceError {
  if (status === 401)
    return new SourceError("unauthorized", {
      what: "the server does not accept the credentials (401)",
      where,
      advice:
        "Check the user name and the token: it may have expired or may not read this repository.",
    });
  if (status === 403)
    return new SourceError("forbidden", {
      what: "the credentials may not read this repository (403)",
      where,
      advice: "Give the user or token read access to it.",
    });
  if (status === 404 || status === 410)
    return new SourceError("repository-not-found", {
      what: `the server knows no such repository (${status})`,
      where,
      advice:
        "Check the URL; servers also answer so when a private repository is asked for without credentials.",
    });
  return new SourceError(status >= 500 || status === 429 ? "server-error" : "protocol", {
    what: `the server answered ${status}`,
    where,
    advice:
      status >= 500 || status === 429
        ? "It is tried again by itself; look at the Git server if this stays."
        : "Check that the URL is that of a repository served over smart HTTP.",
  });
}

/** What a failed request means: an own error inside it, an abort, or the network's. */
export function transportError(error: unknown, where: string, signal: AbortSignal): SourceError {
  const own = causes(error).find((cause) => cause instanceof SourceError);
  if (own !== undefined) return own;
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof SourceError ? reason : abortedError(where, signal);
  }
  const codes = causes(error).map((cause) => ("code" in cause ? String(cause.code) : ""));
  const code = codes.find((candidate) => candidate !== "") ?? "unknown error";
  if (codes.some((candidate) => /TIMEOUT|ETIMEDOUT/.test(candidate))) return timeoutError(where);
  if (codes.some((candidate) => /CERT|TLS|SSL|SELF_SIGNED|ISSUER|ALTNAME|VERIFY/.test(candidate)))
    return new SourceError("tls", {
      what: `no trusted TLS connection could be made (${code})`,
      where: where,
      advice:
        "Give the certificate authority of the server, and the client certificate if it asks for one, or renew them.",
      cause: error,
    });
  if (/UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_/.test(code))
    return new SourceError("truncated", {
      what: "the connection broke before the answer was complete",
      where: where,
      advice: "It is tried again by itself; look at proxies in between if this stays.",
      cause: error,
    });
  return new SourceError("unreachable", {
    what: `the server cannot be reached (${code})`,
    where: where,
    advice:
      "Check the host name, the network and that the Git server runs. It is tried again by itself.",
    cause: error,
  });
}

export function timeoutError(where: string): SourceError {
  return new SourceError("timeout", {
    what: "the server took too long to answer",
    where,
    advice: "It is tried again by itself; look at the Git server and the network if this stays.",
  });
}

/** The error and what caused it, some levels deep. */
function causes(error: unknown): Error[] {
  const found: Error[] = [];
  let current: unknown = error;
  while (current instanceof Error && found.length < 5) {
    found.push(current);
    if (current instanceof AggregateError)
      found.push(...current.errors.filter((e) => e instanceof Error));
    current = current.cause;
  }
  return found;
}
