/**
 * Deletes objects whose owners are gone, and carries out Foreground and Orphan deletions. Keys are
 * uids. What to do with an object is planned in `garbage-collector/collection-plan.ts`.
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import type { CacheChange } from "../../client/object-cache.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import type { Resource } from "../../kube/kind.ts";
import { customResourceDefinitions } from "../../kube/kinds/customresourcedefinition.ts";
import type { Json, JsonObject, KubeObject, ObjectKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import {
  type CollectionStep,
  type OwnerState,
  planCollection,
} from "./garbage-collector/collection-plan.ts";
import { OwnerLookup } from "./garbage-collector/owner-lookup.ts";
import {
  awaitsDependents,
  type GraphNode,
  isDeleting,
  ORPHAN_FINALIZER,
  OwnershipGraph,
  ownersOf,
  releasesDependents,
} from "./garbage-collector/ownership-graph.ts";
import { WatchedResources } from "./garbage-collector/watched-resources.ts";

const NAME = "generic-garbage-collector";
/** As upstream's concurrent-gc-syncs. */
const WORKERS = 20;
/** A key that is no uid: look which resources are served. */
const REFRESH = "resources";
/** CRDs bring it up at once; this catches what else changes which resources are served. */
const REFRESH_MS = 30_000;
const NOT_SYNCED_MS = 100;
/** An owner of a kind that is not served: it may be served again. */
const UNRESOLVABLE_RECHECK_MS = 30_000;

export function createGarbageCollector(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const graph = new OwnershipGraph();
  const owners = new OwnerLookup(client, graph, (dependent, message) =>
    events.record(dependent, "Warning", "OwnerRefInvalidNamespace", message),
  );
  const watched = new WatchedResources(client, informers, observe);
  informers.of(customResourceDefinitions).onChange(() => queue.add(REFRESH));
  queue.add(REFRESH);

  function observe(resource: Resource, { type, object, previous }: CacheChange): void {
    const { uid = "" } = object.metadata;
    if (type === "DELETED") {
      const dependents = graph.dependentsOf(uid);
      graph.remove(uid);
      for (const dependent of dependents) enqueue(dependent.object);
      enqueueWaitingOwners(object);
      return;
    }
    graph.put(resource, object);
    const ownersChanged = previous?.metadata.ownerReferences !== object.metadata.ownerReferences;
    if (ownersChanged && previous !== undefined) enqueueWaitingOwners(previous);
    if (releasesDependents(object) || awaitsDependents(object)) {
      enqueue(object);
      if (previous === undefined || !awaitsDependents(previous))
        for (const dependent of graph.dependentsOf(uid)) enqueue(dependent.object);
    } else if (ownersChanged && ownersOf(object).some((owner) => isInDoubt(object, owner)))
      enqueue(object);
  }

  function enqueue({ metadata: { uid } }: KubeObject): void {
    if (uid !== undefined) queue.add(uid);
  }
  function enqueueWaitingOwners(object: KubeObject): void {
    for (const { uid } of ownersOf(object)) {
      const owner = graph.get(uid)?.object;
      if (owner !== undefined && isDeleting(owner)) enqueue(owner);
    }
  }
  /** Whether the owner may not count: not seen, on its way, or in another namespace. */
  function isInDoubt({ metadata }: KubeObject, { uid }: OwnerReference): boolean {
    const owner = graph.get(uid);
    if (owner === undefined || awaitsDependents(owner.object)) return true;
    return owner.resource.namespaced && owner.object.metadata.namespace !== metadata.namespace;
  }

  async function reconcile(key: string): Promise<Result> {
    if (key === REFRESH) {
      await watched.refresh();
      return requeueAfter(REFRESH_MS);
    }
    const node = graph.get(key);
    if (node === undefined) return done;
    if (!watched.hasSynced) return requeueAfter(NOT_SYNCED_MS);
    const states = await ownerStates(node.object);
    const dependents = graph.dependentsOf(key).map(({ object }) => object);
    const stateOf = ({ uid }: OwnerReference): OwnerState => states.get(uid) ?? "unresolvable";
    await act(node, planCollection({ object: node.object, dependents, stateOf }));
    const isUndecided = [...states.values()].includes("unresolvable") && !isDeleting(node.object);
    return isUndecided ? requeueAfter(UNRESOLVABLE_RECHECK_MS) : done;
  }

  async function ownerStates(object: KubeObject): Promise<ReadonlyMap<string, OwnerState>> {
    const states = new Map<string, OwnerState>();
    for (const owner of ownersOf(object))
      states.set(owner.uid, await owners.stateOf(object, owner));
    return states;
  }

  async function act(node: GraphNode, step: CollectionStep): Promise<void> {
    switch (step.do) {
      case "nothing":
        return;
      case "orphan-dependents":
        for (const dependent of graph.dependentsOf(node.object.metadata.uid ?? ""))
          await removeOwners(dependent, [node.object.metadata.uid ?? ""]);
        return await dropFinalizer(node, ORPHAN_FINALIZER);
      case "drop-finalizer":
        return await dropFinalizer(node, step.finalizer);
      case "await-dependents":
        for (const dependent of step.blocking) if (!isDeleting(dependent)) enqueue(dependent);
        return;
      case "remove-owners":
        return await removeOwners(node, step.uids);
      case "delete":
        if (step.unblockFirst) await unblockOwners(node);
        return await remove(node, step.propagation);
    }
  }

  async function remove(
    { resource, object }: GraphNode,
    propagationPolicy: "Background" | "Foreground" | "Orphan",
  ): Promise<void> {
    const { uid } = object.metadata;
    // Only this object, not one that took its name since.
    const preconditions = uid === undefined ? {} : { uid };
    await unlessGone(() =>
      client.delete(resource, locate(object), { propagationPolicy, preconditions }),
    );
  }

  async function removeOwners(node: GraphNode, uids: readonly string[]): Promise<void> {
    const kept = ownersOf(node.object).filter(({ uid }) => !uids.includes(uid));
    await patchMetadata(node, { ownerReferences: kept as unknown as readonly Json[] });
  }

  async function unblockOwners(node: GraphNode): Promise<void> {
    const unblocked = ownersOf(node.object).map((owner) => ({
      ...owner,
      blockOwnerDeletion: false,
    }));
    await patchMetadata(node, { ownerReferences: unblocked as unknown as readonly Json[] });
  }

  async function dropFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const finalizers = node.object.metadata.finalizers ?? [];
    await patchMetadata(node, { finalizers: finalizers.filter((name) => name !== finalizer) });
  }

  /** Against the state that was judged: a conflict means to judge again. */
  async function patchMetadata({ resource, object }: GraphNode, change: JsonObject): Promise<void> {
    const { uid = "", resourceVersion = "" } = object.metadata;
    const metadata = { uid, resourceVersion, ...change };
    await unlessGone(() =>
      client.patch(resource, locate(object), { type: "merge", body: { metadata } }),
    );
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

async function unlessGone(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}

function locate({ metadata: { namespace, name } }: KubeObject): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}
