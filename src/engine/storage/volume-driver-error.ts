/** How a driver says no, in the codes of gRPC that CSI gives a meaning to. */

export type DriverCode =
  | "InvalidArgument"
  | "NotFound"
  | "AlreadyExists"
  | "PermissionDenied"
  | "ResourceExhausted"
  | "FailedPrecondition"
  | "Aborted"
  | "OutOfRange"
  | "Unimplemented"
  | "Internal"
  | "Unavailable"
  | "DeadlineExceeded"
  | "Canceled"
  | "Unauthenticated"
  | "DataLoss"
  | "Unknown";

/** After these the driver may still be at it, so what it was asked for may come to be. */
const UNDECIDED: ReadonlySet<DriverCode> = new Set<DriverCode>([
  "Aborted",
  "Canceled",
  "DeadlineExceeded",
  "Unavailable",
]);

export class VolumeDriverError extends Error {
  override readonly name = "VolumeDriverError";
  readonly code: DriverCode;

  /** @param message what went wrong and what to do about it; no secrets */
  constructor(code: DriverCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether nothing came, and nothing will come, of the call. */
  get isFinal(): boolean {
    return !UNDECIDED.has(this.code);
  }

  /** As upstream's components print an error of a driver. */
  get described(): string {
    return `rpc error: code = ${this.code} desc = ${this.message}`;
  }
}
