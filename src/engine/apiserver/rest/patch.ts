/** Changes an object by a patch: read, patched and written in one step inside the writer. */
import type { Patch } from "../../../client/client.ts";
import { isObject } from "../../../kube/json-object.ts";
import { applyJsonPatch } from "../../../kube/json-patch.ts";
import { applyMergePatch } from "../../../kube/merge-patch.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { PatchError } from "../../../kube/patch-error.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { applyStrategicMergePatch } from "../../../kube/strategic-merge.ts";
import type { Backend, Target } from "../backend.ts";
import type { Encoded } from "../encoded.ts";
import { present } from "../present.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import type { ObjectView } from "../subresources/subresource.ts";
import { viewOf } from "../subresources/views.ts";
import { guarded } from "./access.ts";
import { checkName, readBody } from "./body.ts";
import { commit } from "./commit.ts";
import { checkUnknownFields } from "./field-validation.ts";
import { planUpdate } from "./plan-update.ts";

export interface PatchRequest extends Target {
  readonly patch: Patch;
  /** `status`, `scale`. */
  readonly subresource?: string;
  /** Server-side apply: take fields over from other managers. */
  readonly force?: boolean;
}

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
    const { kind, name, subresource } = request;
    const view = viewOf(kind, subresource);
    const outcome = await commit(backend, {
      target: request,
      context,
      operation: "UPDATE",
      subresource,
      plan: (stored, admission) => {
        if (stored === undefined) throw StatusError.notFound(kind.kind, name);
        const shown = present(kind, stored);
        const written = patchedBody(view, view.read(shown).object, request);
        if (view.addressed === kind.kind) checkUnknownFields(context, kind.kind, written);
        const current = shown.object;
        return planUpdate(backend, { kind, view, subresource, written, current, admission });
      },
    });
    return { encoded: view.read(outcome.encoded), created: false };
  });
}

/** The body that the patch makes of what the view shows. Throws 400, 413, 415 and 422. */
function patchedBody(view: ObjectView, shown: KubeObject, request: PatchRequest): KubeObject {
  const { kind, namespace, name } = request;
  const body = rethrowing(kind, name, () => applyPatch(view, shown, request));
  if (!isObject(body)) throw StatusError.of("BadRequest", "the patch must leave an object");
  const written = readBody(view.addressed, namespace, body as unknown as KubeObject);
  checkName(written, name);
  return written;
}

function applyPatch(view: ObjectView, shown: KubeObject, { kind, patch }: PatchRequest): unknown {
  switch (patch.type) {
    case "json":
      return applyJsonPatch(shown, patch.body);
    case "merge":
      return applyMergePatch(shown, patch.body);
    case "strategic":
      if (kind.custom !== undefined) throw unsupported();
      return applyStrategicMergePatch(shown, patch.body, view.schema);
    case "apply":
      throw unsupported();
  }
}

/** The list keys that a strategic merge goes by are only known of built-in kinds. */
const unsupported = (): StatusError =>
  StatusError.of(
    "UnsupportedMediaType",
    "strategic merge patch is not supported for custom resources: use application/merge-patch+json, application/json-patch+json or application/apply-patch+yaml",
  );

function rethrowing<T>({ kind }: ServedKind, name: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    const { group, kind: kindName } = kind;
    throw StatusError.of(error.reason, error.message, { name, group, kind: kindName });
  }
}
