/** Why a source could not be read. Stable: shown in status conditions and matched by callers. */
export type SourceErrorCode =
  | "bad-url"
  | "scheme-not-allowed"
  | "address-refused"
  | "redirect-refused"
  | "unreachable"
  | "timeout"
  | "tls"
  | "proxy"
  | "host-key"
  | "unauthorized"
  | "forbidden"
  | "bad-credential"
  | "repository-not-found"
  | "server-error"
  | "protocol"
  | "truncated"
  | "too-large"
  | "not-a-repository"
  | "empty-repository"
  | "revision-not-found"
  | "path-not-found"
  | "symlink-escapes"
  | "signature"
  | "object-missing"
  | "corrupt"
  | "changed-while-reading"
  | "unsupported"
  /** Rendering needs Kustomize, Helm or the sandbox, which this machine does not have. */
  | "missing-program"
  /** An object that `postBuild.substituteFrom` names. */
  | "missing-variables"
  | "local-io"
  | "aborted";

/** Failures of the network, the far side or a race: the same request may succeed later. */
const RETRYABLE: ReadonlySet<SourceErrorCode> = new Set([
  "unreachable",
  "timeout",
  "proxy",
  "server-error",
  "protocol",
  "truncated",
  "corrupt",
  "object-missing",
  "changed-while-reading",
  "local-io",
  "aborted",
]);

/**
 * A source could not be read: what happened, where, and what to do about it. Never holds a
 * credential: `where` is a redacted URL or a local path.
 */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceErrorCode;
  /** What happened, without the place: `the server refused the credentials (401)`. */
  readonly what: string;
  readonly where: string;
  /** What a person can do: a full sentence. */
  readonly advice: string;
  /** Whether trying again without any change can help. */
  readonly retryable: boolean;

  constructor(
    code: SourceErrorCode,
    details: { what: string; where: string; advice: string; cause?: unknown },
  ) {
    super(
      `${details.where}: ${details.what}. ${details.advice}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.what = details.what;
    this.where = details.where;
    this.advice = details.advice;
    this.retryable = RETRYABLE.has(code);
  }
}

/** An abort, as the error that callers of a source handle; keeps the signal's reason as cause. */
export function abortedError(where: string, signal: AbortSignal): SourceError {
  return new SourceError("aborted", {
    what: "reading was interrupted",
    where,
    advice: "It is tried again by itself.",
    cause: signal.reason,
  });
}

/** `ENOENT`, `EISDIR`, … of a system error; undefined for other errors. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
