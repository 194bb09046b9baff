import { isStatus } from "../../kube/status-error.ts";

/**
 * Whether a creation was refused because its namespace is going: nothing to report or to retry, as
 * the object that wanted it is going too.
 */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!isStatus(error, "Forbidden")) return false;
  const causes = error.status.details?.causes ?? [];
  return causes.some(({ reason }) => reason === "NamespaceTerminating");
}
