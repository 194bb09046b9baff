/** Why a volume is not there yet. */

/** A volume that cannot be had as it is asked for: the pod waits, told by an Event. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
  readonly reason: "FailedMount" | "FailedAttachVolume" | "VolumeResizeFailed";
  constructor(
    message: string,
    options: ErrorOptions & { readonly reason?: VolumeError["reason"] } = {},
  ) {
    super(message, options);
    this.reason = options.reason ?? "FailedMount";
  }
}
