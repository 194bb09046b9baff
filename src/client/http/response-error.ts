/** Turns failed requests into `StatusError`: answers that are no Status, and no answer at all. */
import { isObject } from "../../kube/json-object.ts";
import {
  STATUS_CODES,
  type Status,
  StatusError,
  type StatusReason,
} from "../../kube/status-error.ts";

/** What of an answer that is no Status goes into the message: proxies answer with whole pages. */
const MAX_QUOTED_CHARACTERS = 200;

/** Codes of OpenSSL and Node for certificates that do not verify. */
const NOT_TRUSTED = /CERT|SIGN|^ERR_TLS/;

export function isStatusObject(value: unknown): value is Status {
  return isObject(value) && value.kind === "Status" && value.apiVersion === "v1";
}

/** The failure that a response with this HTTP code and body tells of. */
export function responseError(code: number, body: string, request: string): StatusError {
  const parsed = parseStatus(body);
  if (parsed !== undefined) return new StatusError({ ...parsed, code: parsed.code ?? code });
  const quoted = body.trim().slice(0, MAX_QUOTED_CHARACTERS);
  return new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: reasonOf(code),
    message: `${request}: the server answered ${code}${quoted === "" ? "" : `: ${quoted}`}`,
    code,
  });
}

/** The failure when there was no usable answer: refused, reset, timed out, certificate not trusted. */
export function connectionError(error: unknown, server: string): StatusError {
  const { text, code } = rootCause(error);
  const advice = NOT_TRUSTED.test(code)
    ? "check certificate-authority-data of the kubeconfig"
    : "check that the server runs and that its address is right";
  const status: Status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: "ServiceUnavailable",
    message: `no answer from ${server}: ${text}: ${advice}`,
    code: 503,
  };
  return new StatusError(status, { cause: error });
}

function parseStatus(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isStatusObject(parsed) ? parsed : undefined;
  } catch {
    // Not JSON: some proxy answered, not an API server.
    return undefined;
  }
}

function reasonOf(code: number): StatusReason {
  for (const [reason, known] of Object.entries(STATUS_CODES))
    if (known === code) return reason as StatusReason;
  return code >= 500 ? "InternalError" : "BadRequest";
}

/** The innermost cause says what happened; the outer ones say "fetch failed". */
function rootCause(error: unknown): { text: string; code: string } {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  // A host with several addresses fails with one error per address.
  if (inner instanceof AggregateError && inner.errors.length > 0)
    inner = inner.errors[0] as unknown;
  const code = isObject(inner) && typeof inner.code === "string" ? inner.code : "";
  const text = inner instanceof Error && inner.message !== "" ? inner.message : String(inner);
  return { text, code };
}
