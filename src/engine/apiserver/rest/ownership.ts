/** Keeps `metadata.managedFields` right in writes that are not an apply. */
import { trackUpdate } from "../../../kube/apply/track-update.ts";
import { apiVersionOf, type KubeObject } from "../../../kube/object.ts";
import type { Backend } from "../backend.ts";
import { fieldManagerOf } from "../field-manager.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import { timestamp } from "./timestamp.ts";

export interface TrackedWrite {
  readonly backend: Backend;
  readonly context: RequestContext;
  readonly kind: ServedKind;
  readonly subresource?: string | undefined;
  /** The object as stored; undefined when it is being created. */
  readonly live: KubeObject | undefined;
}

/** The function that records the request's field manager as the owner of what it changes. */
export function updateTracker(write: TrackedWrite): (next: KubeObject) => KubeObject {
  const { backend, context, kind, subresource, live } = write;
  const manager = fieldManagerOf(context);
  return (next) =>
    trackUpdate({
      live,
      next,
      manager,
      nowIso: timestamp(backend.clock.now()),
      apiVersion: apiVersionOf(kind.kind),
      subresource,
      schema: kind.kind.schema,
    });
}
