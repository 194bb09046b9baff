/** How admission refuses. */
import { StatusError } from "../../../kube/status-error.ts";

/** 403, as upstream's `admission.NewForbidden`. */
export function forbidden(
  { group, plural }: { readonly group: string; readonly plural: string },
  name: string,
  message: string,
  cause?: { readonly reason: string; readonly message: string; readonly field: string },
): StatusError {
  const qualified = group === "" ? plural : `${plural}.${group}`;
  return StatusError.of("Forbidden", `${qualified} "${name}" is forbidden: ${message}`, {
    name,
    ...(group === "" ? {} : { group }),
    kind: plural,
    ...(cause === undefined ? {} : { causes: [cause] }),
  });
}
