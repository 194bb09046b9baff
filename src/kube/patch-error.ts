/** Why a patch was refused; the reason is the `Status` reason that the API answers with. */
export type PatchErrorReason =
  /** The patch itself is malformed: 400. */
  | "BadRequest"
  /** The patch, or what it would produce, exceeds a limit: 413. */
  | "RequestEntityTooLarge"
  /** The patch is well formed but cannot be applied to this object: 422. */
  | "Invalid";

export class PatchError extends Error {
  override readonly name = "PatchError";
  readonly reason: PatchErrorReason;

  constructor(reason: PatchErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Nesting that a patch or its target may have. Kubernetes objects stay below 40, schemas inside
 * CustomResourceDefinitions below 150; recursion stays far from the end of the stack.
 */
export const MAX_DEPTH = 400;

/** Guards one level of recursion into a patch. */
export function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new PatchError("BadRequest", `the patch is nested deeper than ${MAX_DEPTH} levels`);
  }
}
