/** Who owns the fields that a request writes. */
import { StatusError } from "../../kube/status-error.ts";
import type { RequestContext } from "./request-context.ts";

/** As upstream: the name is stored with every object it touches. */
const MAX_FIELD_MANAGER_CHARS = 128;

/** The `fieldManager` parameter, else the program name of the user agent (`kubectl/v1.32` is `kubectl`). */
export function fieldManagerOf(context: RequestContext): string {
  const { fieldManager, userAgent = "" } = context;
  if (fieldManager !== undefined && fieldManager !== "") return checked(fieldManager);
  const [program = ""] = userAgent.split("/");
  const printable = program.replace(/[^\x20-\x7e]/g, "").slice(0, MAX_FIELD_MANAGER_CHARS);
  return printable === "" ? "unknown" : printable;
}

function checked(name: string): string {
  const problem =
    name.length > MAX_FIELD_MANAGER_CHARS
      ? ({
          reason: "FieldValueTooLong",
          detail: `may not be more than ${MAX_FIELD_MANAGER_CHARS} bytes`,
        } as const)
      : /[^\x20-\x7e]/.test(name)
        ? ({
            reason: "FieldValueInvalid",
            detail: "should only contain printable characters",
            value: name,
          } as const)
        : undefined;
  if (problem === undefined) return name;
  throw StatusError.invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [
    { field: "fieldManager", ...problem },
  ]);
}
