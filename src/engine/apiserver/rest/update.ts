/** Replaces an object, or the part of it that a subresource stands for. */
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import { present } from "../present.ts";
import type { RequestContext } from "../request-context.ts";
import { viewOf } from "../subresources/views.ts";
import { guarded } from "./access.ts";
import { checkName, readBody } from "./body.ts";
import { commit } from "./commit.ts";
import { checkUnknownFields } from "./field-validation.ts";
import { updateTracker } from "./ownership.ts";
import { planUpdate } from "./plan-update.ts";
import { sendWarnings } from "./warnings.ts";

export interface UpdateRequest extends Target {
  readonly object: KubeObject;
  /** `status`, `scale`, `finalize`. */
  readonly subresource?: string;
}

/** Throws 400, 404, 409 `Conflict`, 413 and 422. */
export function update(
  backend: Backend,
  context: RequestContext,
  request: UpdateRequest,
): Promise<Encoded> {
  return guarded(backend, context, "update", request, async () => {
    const { kind, namespace, name, subresource } = request;
    const view = viewOf(kind, subresource);
    const written = readBody(view.addressed, namespace, request.object);
    checkName(written, name);
    if (view.addressed === kind.kind) checkUnknownFields(context, kind.kind, written);
    const outcome = await commit(backend, {
      target: request,
      context,
      operation: "UPDATE",
      subresource,
      plan: (stored, admission) => {
        if (stored === undefined) throw StatusError.notFound(kind.kind, name);
        const current = present(kind, stored).object;
        return planUpdate(backend, {
          kind,
          subresource,
          written,
          merged: view.write(written, current),
          current,
          admission,
          track: updateTracker({ backend, context, kind, subresource, live: current }),
        });
      },
    });
    sendWarnings(context, kind.kind, outcome, written);
    return view.read(outcome.encoded);
  });
}
