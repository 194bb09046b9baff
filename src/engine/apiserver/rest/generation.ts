/** `metadata.generation`: counts the changes of what an object asks for. */
import { deepEqual } from "../../../kube/equality.ts";
import { isObject } from "../../../kube/json-object.ts";
import { endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { resolve } from "../../../kube/schema/definitions.ts";
import type { ServedKind } from "../registry.ts";

/** ConfigMaps, Events and the like have no generation upstream; everything with a spec, and custom objects, do. */
export function hasGeneration({ kind, custom }: ServedKind): boolean {
  if (custom !== undefined || kind === endpointSlices) return true;
  return kind.ephemeral !== true && resolve(kind.schema).properties?.["spec"] !== undefined;
}

/** Whether anything but metadata, and status where that is apart, differs. */
export function specChanged(served: ServedKind, next: KubeObject, previous: KubeObject): boolean {
  const statusApart = served.kind.subresources?.status === true;
  return !deepEqual(wanted(next, statusApart), wanted(previous, statusApart));
}

function wanted(object: KubeObject, statusApart: boolean): object {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  if (!statusApart || !isObject(rest) || !("status" in rest)) return rest;
  const { status: _status, ...spec } = rest;
  return spec;
}
