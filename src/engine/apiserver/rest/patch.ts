/** Changes an object by a patch: read, patched and written in one step inside the writer. */
import type { FieldError } from "../../../kube/field-error.ts";
import { isObject } from "../../../kube/json-object.ts";
import { applyJsonPatch } from "../../../kube/json-patch.ts";
import { applyMergePatch } from "../../../kube/merge-patch.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { PatchError } from "../../../kube/patch-error.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { applyStrategicMergePatch } from "../../../kube/strategic-merge.ts";
import type { Backend } from "../backend.ts";
import type { Encoded } from "../encoded.ts";
import { present } from "../present.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import type { ObjectView } from "../subresources/subresource.ts";
import { viewOf } from "../subresources/views.ts";
import { guarded } from "./access.ts";
import { planApply } from "./apply.ts";
import { checkName, readBody } from "./body.ts";
import { commit, type Plan } from "./commit.ts";
import { checkUnknownFields } from "./field-validation.ts";
import { updateTracker } from "./ownership.ts";
import type { PatchRequest, PatchStep } from "./patch-step.ts";
import { planUpdate } from "./plan-update.ts";
import { sendWarnings } from "./warnings.ts";

export interface PatchResult {
  readonly encoded: Encoded;
  /** Server-side apply made the object. */
  readonly created: boolean;
}

/** Throws 400, 404, 409, 413, 415 (strategic merge of a custom kind) and 422. */
export function patch(
  backend: Backend,
  context: RequestContext,
  request: PatchRequest,
): Promise<PatchResult> {
  return guarded(backend, context, "patch", request, async () => {
    const { kind, subresource } = request;
    const { type, body } = request.patch;
    const view = viewOf(kind, subresource);
    checkOptions(context, request);
    let created = false;
    const outcome = await commit(backend, {
      target: request,
      context,
      operation: "UPDATE",
      subresource,
      plan: (stored, admission) => {
        created = stored === undefined;
        const current = stored === undefined ? undefined : present(kind, stored);
        const step = { backend, context, request, view, current, admission };
        return rethrowing(() =>
          type === "apply" ? planApply({ ...step, body }) : planPatch(step, { type, body }),
        );
      },
    });
    sendWarnings(context, kind.kind, outcome, outcome.encoded.object);
    return { encoded: view.read(outcome.encoded), created };
  });
}

/** A patch of the kinds that change what is there. */
interface Modification {
  readonly type: "json" | "merge" | "strategic";
  readonly body: unknown;
}

function planPatch(step: PatchStep, asked: Modification): Plan {
  const { backend, context, request, view, current, admission } = step;
  const { kind, name, subresource } = request;
  if (current === undefined) throw StatusError.notFound(kind.kind, name);
  const written = patchedBody(request, asked, view, view.read(current).object);
  if (view.addressed === kind.kind) checkUnknownFields(context, kind.kind, written);
  return planUpdate(backend, {
    kind,
    subresource,
    written,
    merged: view.write(written, current.object),
    current: current.object,
    admission,
    track: updateTracker({ backend, context, kind, subresource, live: current.object }),
  });
}

/** The body that the patch makes of what the view shows. */
function patchedBody(
  { kind, namespace, name }: PatchRequest,
  asked: Modification,
  view: ObjectView,
  shown: KubeObject,
): KubeObject {
  const body = applyTo(shown, asked, view, kind);
  if (!isObject(body)) throw StatusError.of("BadRequest", "the patch must leave an object");
  const written = readBody(view.addressed, namespace, body);
  checkName(written, name);
  return written;
}

function applyTo(
  shown: KubeObject,
  asked: Modification,
  view: ObjectView,
  kind: ServedKind,
): unknown {
  switch (asked.type) {
    case "json":
      return applyJsonPatch(shown, asked.body);
    case "merge":
      return applyMergePatch(shown, asked.body);
    case "strategic":
      if (kind.custom !== undefined) throw unsupported();
      return applyStrategicMergePatch(shown, asked.body, view.schema);
  }
}

/** The list keys that a strategic merge goes by are only known of built-in kinds. */
const unsupported = (): StatusError =>
  StatusError.of(
    "UnsupportedMediaType",
    "strategic merge patch is not supported for custom resources: use application/merge-patch+json, application/json-patch+json or application/apply-patch+yaml",
  );

/** Throws 422, as upstream's validation of `PatchOptions`. */
function checkOptions({ fieldManager = "" }: RequestContext, request: PatchRequest): void {
  const isApply = request.patch.type === "apply";
  const errors: FieldError[] = [];
  if (isApply && fieldManager === "")
    errors.push({
      reason: "FieldValueRequired",
      field: "fieldManager",
      detail: "is required for apply patch",
    });
  if (!isApply && request.force === true)
    errors.push({
      reason: "FieldValueForbidden",
      field: "force",
      detail: "may not be specified for non-apply patch",
    });
  const options = { group: "meta.k8s.io", kind: "PatchOptions" };
  if (errors.length > 0) throw StatusError.invalid(options, "", errors);
}

function rethrowing<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    // Of an invalid object kubectl prints the causes alone; without details, the message.
    throw StatusError.of(error.reason, error.message);
  }
}
