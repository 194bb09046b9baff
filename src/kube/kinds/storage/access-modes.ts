/** Access modes of volumes and claims: their rules, and how `kubectl get` shows them. */
import type { FieldError } from "../../field-error.ts";
import { forbidden, required } from "../field-problems.ts";

/** One pod in the whole cluster; it excludes every other mode. */
export const READ_WRITE_ONCE_POD = "ReadWriteOncePod";

/** In the order in which upstream prints them, whatever order they were given in. */
const SHORT: readonly (readonly [mode: string, short: string])[] = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  [READ_WRITE_ONCE_POD, "RWOP"],
];

/** `RWO,ROX`. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return SHORT.filter(([mode]) => modes?.includes(mode) === true)
    .map(([, short]) => short)
    .join(",");
}

/** At least one mode, and `ReadWriteOncePod` alone. */
export function validateAccessModes(
  field: string,
  modes: readonly string[] | undefined,
  detail = "",
): FieldError[] {
  if (modes === undefined || modes.length === 0) return [required(field, detail)];
  return modes.includes(READ_WRITE_ONCE_POD) && modes.length > 1
    ? [forbidden(field, "may not use ReadWriteOncePod with other access modes")]
    : [];
}
