/** Why a notification did not arrive. The message names the host at most: paths and queries of webhooks are secrets. */
export type DeliveryErrorCode =
  | "configuration"
  | "address-refused"
  | "unreachable"
  | "timeout"
  | "too-large"
  | "refused"
  | "unavailable";

/** Failures of the network or of a far side that is busy: the same request may succeed later. */
const RETRYABLE: ReadonlySet<DeliveryErrorCode> = new Set([
  "unreachable",
  "timeout",
  "unavailable",
]);

export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly code: DeliveryErrorCode;
  /** How long the far side asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;

  constructor(
    code: DeliveryErrorCode,
    message: string,
    options: {
      readonly retryAfterMs?: number | undefined;
      readonly status?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}
