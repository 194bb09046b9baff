/** Deletes an object, or marks it as being deleted while something holds it. */
import { deepEqual } from "../../../kube/equality.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import { present } from "../present.ts";
import type { RequestContext } from "../request-context.ts";
import { guarded } from "./access.ts";
import { commit, type Outcome } from "./commit.ts";
import { type DeletionOptions, planDeletion } from "./plan-deletion.ts";

export interface DeleteRequest extends Target, DeletionOptions {}

export interface DeleteResult {
  /** Gone: `encoded` is the last state. Otherwise the object now has a `deletionTimestamp`. */
  readonly deleted: boolean;
  readonly encoded: Encoded;
}

/** Throws 404, and 409 when a precondition does not hold. */
export function deleteObject(
  backend: Backend,
  context: RequestContext,
  request: DeleteRequest,
): Promise<DeleteResult> {
  return guarded(backend, context, "delete", request, () =>
    commitDeletion(backend, context, request),
  );
}

/**
 * Without asking the authorizer: for requests that were authorized as something else. `mark` is
 * what else the deletion writes into the object.
 */
export async function commitDeletion(
  backend: Backend,
  context: RequestContext,
  request: DeleteRequest,
  mark: (current: KubeObject) => KubeObject = (current) => current,
): Promise<Outcome> {
  const { kind, name } = request;
  return commit(backend, {
    target: request,
    context,
    operation: "DELETE",
    plan: (stored) => {
      if (stored === undefined) throw StatusError.notFound(kind.kind, name);
      const current: KubeObject = present(kind, stored).object;
      checkPreconditions(request, current);
      const plan = planDeletion(kind, mark(current), request, backend.clock.now());
      return plan.action === "put" && deepEqual(plan.object, current) ? { action: "keep" } : plan;
    },
  });
}

/** Throws 409 when the object is not, or not as, the caller thinks. */
export function checkPreconditions(
  { kind, name, preconditions }: DeleteRequest,
  { metadata }: KubeObject,
): void {
  const checks = [
    ["UID", preconditions?.uid, metadata.uid],
    ["ResourceVersion", preconditions?.resourceVersion, metadata.resourceVersion],
  ] as const;
  for (const [field, asked, actual] of checks) {
    if (asked === undefined || asked === "" || asked === actual) continue;
    throw StatusError.conflict(
      kind.kind,
      name,
      `Precondition failed: ${field} in precondition: ${asked}, ${field} in object meta: ${actual ?? ""}`,
    );
  }
}
