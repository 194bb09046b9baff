/** POST `/eviction`: deletes a pod on behalf of whoever empties a node. */
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend, Target } from "../backend.ts";
import type { Encoded } from "../encoded.ts";
import type { RequestContext } from "../request-context.ts";
import { readBody } from "../rest/body.ts";
import { commitDeletion } from "../rest/delete.ts";
import type { DeletionOptions } from "../rest/plan-deletion.ts";
import { actionSucceeded } from "./action-result.ts";

interface Eviction extends KubeObject {
  deleteOptions?: DeletionOptions & { dryRun?: string[] };
}

const EVICTION = { group: "policy", version: "v1", kind: "Eviction", namespaced: true };

export async function evict(
  backend: Backend,
  context: RequestContext,
  target: Target,
  body: KubeObject,
): Promise<Encoded> {
  const eviction: Eviction = readBody(EVICTION, target.namespace, body);
  const { name } = eviction.metadata;
  if (name !== "" && name !== target.name) {
    throw StatusError.of("BadRequest", "name in URL does not match name in Eviction object");
  }
  const { dryRun = [], ...options } = eviction.deleteOptions ?? {};
  const asked = dryRun.length > 0 ? { ...context, dryRun: true } : context;
  await commitDeletion(backend, asked, { ...target, ...options });
  return actionSucceeded();
}
