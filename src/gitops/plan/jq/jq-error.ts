/** An expression that is not understood. The message names it and says what is wrong. */
export class JqSyntaxError extends Error {
  override readonly name = "JqSyntaxError";
}

/** An expression that does more work over one object than is reasonable. */
export class JqLimitError extends Error {
  override readonly name = "JqLimitError";
}

/** What jq reports while it runs, e.g. indexing a number: the expression then matches nothing. */
export class JqValueError extends Error {
  override readonly name = "JqValueError";
}
