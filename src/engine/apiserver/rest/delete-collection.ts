/** Deletes all objects of a kind that match, each by the rules of a single deletion. */
import { isStatus } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Encoded } from "../encoded.ts";
import { presentAll } from "../present.ts";
import type { RequestContext } from "../request-context.ts";
import { compileSelection } from "../selection.ts";
import { guarded } from "./access.ts";
import { commitDeletion } from "./delete.ts";
import type { ListRequest, ListResult } from "./list.ts";
import type { DeletionOptions } from "./plan-deletion.ts";

export interface DeleteCollectionRequest
  extends Pick<ListRequest, "kind" | "namespace" | "labelSelector" | "fieldSelector">,
    DeletionOptions {}

/** Objects that went away meanwhile are not a failure. Returns those that this request deleted or marked. */
export function deleteCollection(
  backend: Backend,
  context: RequestContext,
  request: DeleteCollectionRequest,
): Promise<ListResult> {
  return guarded(backend, context, "deletecollection", request, async () => {
    const { kind, namespace } = request;
    const selection = compileSelection(kind.kind, request);
    const snapshot = backend.store.list(kind.kind, namespace);
    const matching = presentAll(kind, snapshot.items).filter(({ object }) =>
      selection.matches(object),
    );
    const results = await Promise.all(
      matching.map((encoded) => deleteOne(backend, context, request, encoded)),
    );
    return {
      items: results.filter((encoded) => encoded !== undefined),
      resourceVersion: String(snapshot.revision),
    };
  });
}

async function deleteOne(
  backend: Backend,
  context: RequestContext,
  request: DeleteCollectionRequest,
  { object }: Encoded,
): Promise<Encoded | undefined> {
  const { name, namespace } = object.metadata;
  const target = { ...request, name };
  try {
    const { encoded } = await commitDeletion(backend, context, {
      ...target,
      ...(namespace === undefined ? { namespace: "" } : { namespace }),
    });
    return encoded;
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}
