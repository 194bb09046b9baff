/** Why a volume is not there yet. */

/** A volume that cannot be had as it is asked for: the pod waits, told by an Event. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
  readonly reason: "FailedMount" | "FailedAttachVolume" | "VolumeResizeFailed";
  /** It takes a moment in the ordinary course of things: told only when it lasts. */
  readonly isUsual: boolean;
  constructor(
    message: string,
    options: ErrorOptions & {
      readonly reason?: VolumeError["reason"];
      readonly isUsual?: boolean;
    } = {},
  ) {
    super(message, options);
    this.reason = options.reason ?? "FailedMount";
    this.isUsual = options.isUsual ?? false;
  }
}

/** How long until a volume that failed is tried again: doubled each time, as upstream. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 122_000;

/** @param failures in a row, at least one */
export const retryDelayMs = (failures: number): number =>
  Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
