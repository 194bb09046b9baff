/**
 * POST `/eviction`: deletes a pod on behalf of whoever empties a node, as far as the pod's
 * disruption budget has room. The disruption is taken from the budget before the pod goes, so that
 * evictions that race cannot take the same one.
 */
import { setCondition } from "../../../kube/conditions.ts";
import { isObject } from "../../../kube/json-object.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import {
  type PodDisruptionBudget,
  podDisruptionBudgets,
} from "../../../kube/kinds/poddisruptionbudget.ts";
import type { JsonObject, KubeObject } from "../../../kube/object.ts";
import { isStatus, StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import { type AskedDeletion, deletionOptions } from "../http/deletion-options.ts";
import type { RequestContext } from "../request-context.ts";
import { readBody } from "../rest/body.ts";
import { commit } from "../rest/commit.ts";
import { checkPreconditions, commitDeletion } from "../rest/delete.ts";
import { readCurrent } from "../rest/get.ts";
import type { DeletionOptions } from "../rest/plan-deletion.ts";
import { timestamp } from "../rest/timestamp.ts";
import { actionSucceeded } from "./action-result.ts";
import { budgetIsStale, permissionFor, takeDisruption } from "./eviction/budget.ts";

const EVICTION = { group: "policy", version: "v1", kind: "Eviction", namespaced: true };
/** A pod that changes between two looks is looked at again; upstream's number. */
const MAX_ATTEMPTS = 20;

/**
 * Throws 404, 409 when a precondition does not hold, 429 when the budget has no room, and 500 when
 * the pod has several budgets.
 */
export async function evict(
  backend: Backend,
  context: RequestContext,
  target: Target,
  body: KubeObject,
): Promise<Encoded> {
  const { options, dryRun } = readEviction(target, body);
  const asked = dryRun ? { ...context, dryRun } : context;
  for (let attempt = 1; ; attempt++) {
    const pod = readCurrent(backend, target).object;
    checkPreconditions({ ...target, ...options }, pod);
    const permission = permissionFor(pod, budgetsOf(backend, target));
    if (permission.kind === "costs") await take(backend, asked, permission.budget, target.name);
    const isPinned =
      (permission.kind === "free while pending" || permission.kind === "free while unhealthy") &&
      (options.preconditions?.resourceVersion ?? "") === "";
    const request = { ...target, ...(isPinned ? pinnedTo(pod, options) : options) };
    try {
      await commitDeletion(backend, asked, request, (current) =>
        withDisruptionTarget(current, timestamp(backend.clock.now())),
      );
      return actionSucceeded();
    } catch (error) {
      if (!isPinned || !isStatus(error, "Conflict")) throw error;
      if (permission.kind === "free while unhealthy") throw budgetIsStale(permission.budget);
      if (attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

function readEviction(target: Target, body: KubeObject): AskedDeletion {
  const eviction: KubeObject & { deleteOptions?: unknown } = readBody(
    EVICTION,
    target.namespace,
    body,
  );
  const { name } = eviction.metadata;
  if (name !== "" && name !== target.name)
    throw StatusError.of("BadRequest", "name in URL does not match name in Eviction object");
  const options = eviction.deleteOptions ?? {};
  if (!isObject(options)) throw StatusError.of("BadRequest", "deleteOptions must be an object");
  return deletionOptions(options as JsonObject, {
    gracePeriodSeconds: undefined,
    propagationPolicy: "",
  });
}

function budgetsOf({ store }: Backend, { namespace }: Target): PodDisruptionBudget[] {
  const { group, plural } = podDisruptionBudgets;
  return store
    .list({ group, plural }, namespace)
    .items.map(({ object }) => object as PodDisruptionBudget);
}

/** Throws 429 when there is no disruption to take. */
async function take(
  backend: Backend,
  context: RequestContext,
  { metadata: { name, namespace = "" } }: PodDisruptionBudget,
  podName: string,
): Promise<void> {
  const { group, version, plural } = podDisruptionBudgets;
  const kind = backend.registry.find(group, version, plural);
  if (kind === undefined) throw new Error(`${plural} are stored but not served`);
  await commit(backend, {
    target: { kind, namespace, name },
    context,
    operation: "UPDATE",
    subresource: "status",
    plan: (stored) => {
      if (stored === undefined) throw budgetIsStale(name);
      const budget = stored.object as PodDisruptionBudget;
      const nowIso = timestamp(backend.clock.now());
      return { action: "put", object: takeDisruption(budget, podName, nowIso) };
    },
  });
}

/** The pod as it was seen. */
function pinnedTo({ metadata }: KubeObject, options: DeletionOptions): DeletionOptions {
  const { resourceVersion } = metadata;
  return { ...options, preconditions: { ...options.preconditions, resourceVersion } };
}

function withDisruptionTarget(pod: Pod, nowIso: string): Pod {
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "EvictionByEvictionAPI",
    message: "Eviction API: evicting",
  };
  const conditions = setCondition(pod.status?.conditions, condition, nowIso);
  return { ...pod, status: { ...pod.status, conditions } };
}
