/** Server-side apply: makes the object, or merges the configuration into it field by field. */
import { applyConflictError } from "../../../kube/apply/conflict.ts";
import { type ApplyResult, applyPatch } from "../../../kube/apply/server-side-apply.ts";
import { apiVersionOf, type JsonObject, type KubeObject } from "../../../kube/object.ts";
import { prune } from "../../../kube/schema/prune.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { fieldManagerOf } from "../field-manager.ts";
import { checkName, readBody } from "./body.ts";
import type { Plan } from "./commit.ts";
import { newObject } from "./create.ts";
import { withoutEmptyMetadata } from "./empty-metadata.ts";
import { checkUnknownFields } from "./field-validation.ts";
import type { PatchStep } from "./patch-step.ts";
import { planUpdate } from "./plan-update.ts";
import { timestamp } from "./timestamp.ts";

/** Throws 409 with a cause per conflicting field, 404 where there is no object to apply a subresource to. */
export function planApply(step: PatchStep & { readonly body: JsonObject }): Plan {
  const { backend, request, current, admission } = step;
  const { kind, name, subresource } = request;
  if (current === undefined && subresource !== undefined) {
    throw StatusError.notFound(kind.kind, name);
  }
  const { object, conflicts } = merge(step, configuration(step));
  if (conflicts.length > 0) throw applyConflictError(conflicts);
  // Who owns what is already recorded in the result.
  const track = (next: KubeObject): KubeObject => next;
  if (current === undefined) {
    return { action: "put", object: newObject(backend, kind, { body: object, admission, track }) };
  }
  return planUpdate(backend, {
    kind,
    subresource,
    written: object,
    merged: object,
    current: current.object,
    admission,
    track,
  });
}

/** The body as a configuration of the whole object: that of `/scale` sets the replicas of its parent. */
function configuration(step: PatchStep & { readonly body: JsonObject }): KubeObject {
  const { context, request, view, current, body } = step;
  const { kind, namespace, name } = request;
  for (const field of ["apiVersion", "kind"]) {
    if (typeof body[field] === "string") continue;
    throw StatusError.of("BadRequest", `${field} must be set in an apply patch`);
  }
  const read = readBody(view.addressed, namespace, body as Partial<KubeObject>);
  checkName(read, name);
  const named = { ...read, metadata: { ...read.metadata, name } };
  if (view.addressed === kind.kind || current === undefined) {
    checkUnknownFields(context, kind.kind, named);
    return withoutEmptyMetadata(prune(kind.kind.schema, named));
  }
  const { apiVersion, kind: kindName } = current.object;
  const { name: _name, namespace: _namespace, ...rest } = named.metadata;
  const empty: KubeObject = { apiVersion, kind: kindName, metadata: { ...rest, name } };
  return view.write(named, empty);
}

function merge(step: PatchStep, patch: KubeObject): ApplyResult<KubeObject> {
  const { backend, context, request, current } = step;
  const { kind, subresource, force } = request;
  return applyPatch({
    live: current?.object,
    patch,
    manager: fieldManagerOf(context),
    force,
    nowIso: timestamp(backend.clock.now()),
    apiVersion: apiVersionOf(kind.kind),
    schema: kind.kind.schema,
    subresource,
    statusSubresource: kind.kind.subresources?.status === true,
  });
}
