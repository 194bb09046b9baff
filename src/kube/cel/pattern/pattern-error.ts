/** A text that is no regular expression of RE2's syntax, or too large a one. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}
