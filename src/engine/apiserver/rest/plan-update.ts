/** What an update makes of an object: the rules that PUT, PATCH and every writable subresource share. */
import { isNoOpWrite } from "../../../kube/apply/managed-fields.ts";
import type { KubeObject, ObjectMeta } from "../../../kube/object.ts";
import { noteSound } from "../../../kube/schema/sound.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { Backend } from "../backend.ts";
import type { ServedKind } from "../registry.ts";
import type { Plan } from "./commit.ts";
import { isReadyToGo } from "./finalizers.ts";
import { hasGeneration, specChanged } from "./generation.ts";
import { checkObjectSize } from "./object-size.ts";
import { complete, validateChange } from "./rules.ts";

export interface UpdateStep {
  readonly kind: ServedKind;
  readonly subresource: string | undefined;
  /** What the client wrote, for its `metadata.uid` and `metadata.resourceVersion`. */
  readonly written: KubeObject;
  /** The object that this makes of the current one. */
  readonly merged: KubeObject;
  readonly current: KubeObject;
  readonly admission: AdmissionRequest;
  /** Records who owns what. */
  readonly track: (next: KubeObject) => KubeObject;
}

/**
 * Nothing is written when nothing changes: neither revision nor event. An object that waits to be
 * deleted goes when the update takes away the last that held it. Throws 409 and 422.
 */
export function planUpdate(backend: Backend, step: UpdateStep): Plan {
  const { kind, subresource, written, merged, current, admission, track } = step;
  const { strategy } = kind.kind;
  checkPreconditions(kind, subresource, written, current);
  if (kind.custom === undefined) noteSound(kind.kind.schema, current);
  const located = { ...merged, metadata: carriedMetadata(merged.metadata, current.metadata) };
  const prepared =
    subresource === undefined
      ? (strategy.prepareForUpdate?.(located, current) ?? located)
      : located;
  const { object, errors } = complete(kind.kind, prepared);
  const tracked = track(backend.admission.mutate(object, admission));
  if (isNoOpWrite(current, tracked)) return { action: "keep" };
  validateChange(kind.kind, tracked, current, subresource, errors);
  const next = withGeneration(kind, tracked, current);
  checkObjectSize(next);
  return isReadyToGo(next) ? { action: "delete", last: next } : { action: "put", object: next };
}

/** Throws 409 when the client saw another state, or another object of the same name. */
function checkPreconditions(
  { kind }: ServedKind,
  subresource: string | undefined,
  written: KubeObject,
  current: KubeObject,
): void {
  const { name } = current.metadata;
  const { uid = "", resourceVersion = "" } = written.metadata;
  if (uid !== "" && uid !== current.metadata.uid) {
    throw StatusError.conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid ?? ""}`,
    );
  }
  if (resourceVersion === "") {
    // Whoever scales knows the number it wants, whatever else has changed.
    if (kind.strategy.allowUnconditionalUpdate !== false || subresource === "scale") return;
    throw StatusError.invalid(kind, name, [
      {
        reason: "FieldValueInvalid",
        field: "metadata.resourceVersion",
        value: "",
        detail: "must be specified for an update",
      },
    ]);
  }
  if (resourceVersion !== current.metadata.resourceVersion) {
    throw StatusError.conflict(
      kind,
      name,
      "the object has been modified; please apply your changes to the latest version and try again",
    );
  }
}

/** What only the server writes comes from the stored object, whatever the client sent. */
function carriedMetadata(next: ObjectMeta, current: ObjectMeta): ObjectMeta {
  const { selfLink: _selfLink, ...metadata } = next;
  const carried: Record<string, unknown> = { ...metadata, name: current.name };
  for (const field of SERVER_FIELDS) {
    if (current[field] === undefined) delete carried[field];
    else carried[field] = current[field];
  }
  return carried as unknown as ObjectMeta;
}

const SERVER_FIELDS = [
  "namespace",
  "generateName",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const satisfies readonly (keyof ObjectMeta)[];

function withGeneration(kind: ServedKind, next: KubeObject, current: KubeObject): KubeObject {
  if (!hasGeneration(kind) || !specChanged(kind, next, current)) return next;
  const generation = (current.metadata.generation ?? 0) + 1;
  return { ...next, metadata: { ...next.metadata, generation } };
}
