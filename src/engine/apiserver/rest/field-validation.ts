/** What becomes of fields that a kind does not know, and of those given twice: `fieldValidation`. */
import type { Kind } from "../../../kube/kind.ts";
import { unknownFields } from "../../../kube/schema/unknown-fields.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { RequestContext } from "../request-context.ts";

/**
 * Throws 400 in `Strict` mode, warns in `Warn` mode. Unknown fields are dropped later in any case.
 * Where nobody listens to warnings nobody looks for them.
 */
export function checkUnknownFields(context: RequestContext, kind: Kind, body: unknown): void {
  const mode = context.fieldValidation ?? "Warn";
  if (mode === "Ignore" || (mode === "Warn" && context.warn === undefined)) return;
  const problems = [
    ...(context.decodeWarnings ?? []),
    ...unknownFields(kind.schema, body).map((field) => `unknown field ${JSON.stringify(field)}`),
  ];
  if (problems.length === 0) return;
  if (mode === "Strict") {
    throw StatusError.of(
      "BadRequest",
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: strict decoding error: ${problems.join(", ")}`,
    );
  }
  for (const problem of problems) context.warn?.(problem);
}
