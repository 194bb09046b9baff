import type { FieldError } from "../field-error.ts";
import type { FieldPath } from "./field-path.ts";

/** What a validating walk has found so far, and where it is. */
export interface Findings {
  readonly errors: FieldError[];
  readonly path: FieldPath;
}
