/** Collections of metadata that upstream does not write when they are empty (`omitempty`). */
import type { KubeObject } from "../../../kube/object.ts";

const OMITTED_WHEN_EMPTY = ["annotations", "finalizers", "labels", "ownerReferences"] as const;

/** Without this `kubectl apply` would see a change where a manifest says `labels: {}`. */
export function withoutEmptyMetadata(object: KubeObject): KubeObject {
  const empty = OMITTED_WHEN_EMPTY.filter((field) => isEmpty(object.metadata[field]));
  if (empty.length === 0) return object;
  const metadata = { ...object.metadata };
  for (const field of empty) delete metadata[field];
  return { ...object, metadata };
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  for (const _ in value) return false;
  return true;
}
