/** Parts and actions of an object with an address of their own: `/status`, `/scale`, `/binding`, … */
import type { KubeObject } from "../../../kube/object.ts";
import type { Schema } from "../../../kube/schema/schema.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import type { Addressed } from "../rest/body.ts";

/** A way to look at an object and to write a part of it: get, update and patch. */
export interface ObjectView {
  /** The kind of object that is read and written here. */
  readonly addressed: Addressed;
  readonly schema: Schema;
  readonly read: (object: Encoded) => Encoded;
  /** The whole object with what this view may write taken from `view`. */
  readonly write: (view: KubeObject, current: KubeObject) => KubeObject;
}

/** An object that may have a status. */
export type WithStatus = KubeObject & { status?: unknown };

/** Something that is done to an object: create (POST). */
export type ObjectAction = (
  backend: Backend,
  context: RequestContext,
  target: Target,
  body: KubeObject,
) => Promise<Encoded>;

/** 404, as for any path that does not exist. */
export function noSuchSubresource({ kind }: ServedKind, subresource: string): StatusError {
  return StatusError.of(
    "NotFound",
    `the server could not find the requested resource: ${kind.plural} have no subresource ${JSON.stringify(subresource)}`,
  );
}
