/** What keeps an object that is being deleted, and what a deletion adds to it. */
import type { Namespace } from "../../../kube/kinds/namespace.ts";
import type { KubeObject } from "../../../kube/object.ts";

/** The garbage collector releases the dependents first, then the object. */
export const ORPHAN_FINALIZER = "orphan";
/** The garbage collector deletes the blocking dependents first, then the object. */
export const FOREGROUND_FINALIZER = "foregroundDeletion";

/** The API server deletes what a CustomResourceDefinition defines first, then the definition. */
export const CUSTOM_RESOURCE_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

export type Propagation = "Background" | "Foreground" | "Orphan";

/** The finalizers that a deletion with this policy leaves on the object; undefined keeps what is there. */
export function finalizersFor(
  object: KubeObject,
  propagation: Propagation | undefined,
): readonly string[] {
  const own = object.metadata.finalizers ?? [];
  if (propagation === undefined) return own;
  const rest = own.filter((name) => name !== ORPHAN_FINALIZER && name !== FOREGROUND_FINALIZER);
  if (propagation === "Orphan") return [...rest, ORPHAN_FINALIZER];
  if (propagation === "Foreground") return [...rest, FOREGROUND_FINALIZER];
  return rest;
}

/** Whether something other than time still holds an object. */
export function isHeld(object: KubeObject): boolean {
  return (object.metadata.finalizers ?? []).length > 0 || namespaceFinalizers(object).length > 0;
}

/** Whether an object that is being deleted has nothing left that holds it. */
export function isReadyToGo(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && !isHeld(object);
}

/** A Namespace is also held by `spec.finalizers`, until its contents are gone. */
function namespaceFinalizers(object: KubeObject): readonly string[] {
  if (object.kind !== "Namespace" || object.apiVersion !== "v1") return [];
  return (object as Namespace).spec?.finalizers ?? [];
}
