/** A Project that is asked for by name, and that nobody brought. */
export class UnknownProjectError extends Error {
  override readonly name = "UnknownProjectError";
}
