/**
 * Keeps as many pods of a template as `spec.replicas` says. Level-triggered: every reconcile looks at
 * all pods of the set, decides in `replica-plan.ts` and `replicaset-status.ts`, and acts here.
 */
import { createEventRecorder, type EventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Resource } from "../../kube/kind.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../kube/kinds/replicaset.ts";
import { type KubeObject, keyOf, type ObjectKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { claim, planClaim } from "./ownership/claim.ts";
import {
  addOwnerIndexes,
  controlledBy,
  controlledByUid,
  orphansIn,
} from "./ownership/owner-indexes.ts";
import { controllerOf } from "./ownership/owner-reference.ts";
import { claimSelector, selects } from "./ownership/owner-selector.ts";
import { podFromTemplate } from "./replicaset/pod-from-template.ts";
import { isActive } from "./replicaset/pod-state.ts";
import { planReplicas, type ReplicaPlan } from "./replicaset/replica-plan.ts";
import {
  nextAvailableInMs,
  type ReplicaFailure,
  type ReplicaSetStatus,
  replicaSetStatus,
} from "./replicaset/replicaset-status.ts";
import { slowStart } from "./replicaset/slow-start.ts";

/** A kind that keeps a number of pods: a ReplicaSet, or what can be read as one. */
export interface ReplicaKind<T extends KubeObject> {
  readonly name: string;
  readonly resource: Resource<T>;
  /** It keeps the object's own kind and metadata. */
  readonly asReplicaSet: (object: T) => ReplicaSet;
  readonly withStatus: (object: T, status: ReplicaSetStatus) => T;
}
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;
/** From this size on, counting a set's pods costs more than the change that calls for it. */
const LARGE_SET_PODS = 100;
/** Ten thousand pods are counted five times a second at most, which takes a few percent of a core. */
const PACE_MS_PER_POD = 0.02;
/** The cache's next event brings the set back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;

export function createReplicaSetController(context: ControllerContext): Controller {
  return createReplicaController(context, {
    name: "replicaset-controller",
    resource: replicaSets,
    asReplicaSet: (set) => set,
    withStatus: (set, status) => ({ ...set, status }),
  });
}

/** The controller of a kind that can be read as a ReplicaSet. */
export function createReplicaController<T extends KubeObject>(
  context: ControllerContext,
  { name, resource, asReplicaSet, withStatus }: ReplicaKind<T>,
): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, name);
  const sets = informers.of(resource);
  const pods = informers.of(podResource);
  const events = createEventRecorder({ client, component: name, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  /** Large sets with as many pods as they want, and how many those are. */
  const complete = new Map<string, number>();
  addOwnerIndexes(sets);
  addOwnerIndexes(pods);

  sets.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const owner of ownersOf(pod)) wake(owner);
  });

  /** A set that has its pods only counts them: of a large one, many changes at a time. */
  function wake(owner: T): void {
    const key = keyOf(owner);
    const size = complete.get(key) ?? 0;
    if (size < LARGE_SET_PODS) queue.add(key);
    else queue.addAfter(key, size * PACE_MS_PER_POD);
  }

  function ownersOf(pod: Pod): readonly T[] {
    const { namespace = "", labels } = pod.metadata;
    const controller = controllerOf(pod);
    if (controller === undefined)
      return sets
        .list(namespace)
        .filter((set) => selects(asReplicaSet(set).spec?.selector, labels));
    const owner = sets.get(`${namespace}/${controller.name}`);
    return owner !== undefined && owner.metadata.uid === controller.uid ? [owner] : [];
  }

  async function reconcile(key: string): Promise<Result> {
    const stored = sets.get(key);
    if (stored === undefined) {
      ownWrites.forget(key);
      complete.delete(key);
      return done;
    }
    const set = asReplicaSet(stored);
    // Asked before the pods are read: the cache can only get newer.
    const isBehind = ownWrites.isBehind(key, pods.revision);
    const wanted = set.spec?.replicas ?? 1;
    if (isBehind && wanted >= LARGE_SET_PODS) return requeueAfter(wanted * PACE_MS_PER_POD);
    const candidates = [...controlledBy(pods, set), ...orphansIn(pods, set.metadata.namespace)];
    const planned = planClaim(set, claimSelector(set.spec?.selector), candidates, isActive);
    const action = { client, resource: podResource, ownerResource: resource, owner: set };
    const owned = await claim(action, planned);
    const outcome =
      isBehind || set.metadata.deletionTimestamp !== undefined
        ? undefined
        : await act(
            set,
            planReplicas(set, owned, () => relatedPods(set), clock.now()),
          );
    if (owned.length >= LARGE_SET_PODS && !isBehind && asksNothing(set, owned))
      complete.set(key, owned.length);
    else complete.delete(key);
    const nowMs = clock.now();
    await writeStatus(stored, set, replicaSetStatus(set, owned, outcome?.failure, nowMs));
    if (outcome !== undefined) throw outcome.error;
    if (isBehind) return requeueAfter(STALE_RECHECK_MS);
    const waitMs = nextAvailableInMs(set, owned, nowMs);
    return waitMs === undefined ? done : requeueAfter(waitMs);
  }

  /** Pods of all sets that the set's own controller (a Deployment) has. */
  function relatedPods(set: ReplicaSet): readonly Pod[] {
    const owner = controllerOf(set);
    const siblings: readonly KubeObject[] =
      owner === undefined ? [set] : controlledByUid(sets, owner.uid);
    return siblings.flatMap((sibling) => controlledBy(pods, sibling));
  }

  /** Undefined when all went well. */
  async function act(set: ReplicaSet, plan: ReplicaPlan): Promise<ActFailure | undefined> {
    const created = await slowStart(plan.create, () => createPod(set));
    if (isNamespaceTerminating(created.error)) return undefined;
    if (created.error !== undefined) {
      const message = messageOf(created.error);
      return { error: created.error, failure: { reason: "FailedCreate", message } };
    }
    const deleted = await Promise.allSettled(plan.remove.map((pod) => deletePod(set, pod)));
    const failed = deleted.find((outcome) => outcome.status === "rejected");
    if (failed === undefined) return undefined;
    const error: unknown = failed.reason;
    return { error, failure: { reason: "FailedDelete", message: messageOf(error) } };
  }

  async function createPod(set: ReplicaSet): Promise<void> {
    try {
      const pod = await client.create(podResource, podFromTemplate(resource, set));
      ownWrites.note(keyOf(set), pod);
      events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!isNamespaceTerminating(error)) recordFailure(events, set, "FailedCreate", error);
      throw error;
    }
  }

  async function deletePod(set: ReplicaSet, pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    try {
      const preconditions = uid === undefined ? {} : { uid };
      const left = await client.delete(podResource, locate(pod), { preconditions });
      ownWrites.note(keyOf(set), left);
      events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      recordFailure(events, set, "FailedDelete", error);
      throw error;
    }
  }

  async function writeStatus(stored: T, set: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
    if (deepEqual(set.status, status)) return;
    try {
      await client.update(resource, withStatus(stored, status), { subresource: "status" });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name, queue, workers: WORKERS, reconcile };
}

const asksNothing = ({ spec }: ReplicaSet, owned: readonly Pod[]): boolean =>
  owned.filter(isActive).length === (spec?.replicas ?? 1);

interface ActFailure {
  readonly error: unknown;
  readonly failure: ReplicaFailure;
}

function recordFailure(
  events: EventRecorder,
  set: ReplicaSet,
  reason: ReplicaFailure["reason"],
  error: unknown,
): void {
  const what = reason === "FailedCreate" ? "Error creating" : "Error deleting";
  events.record(set, "Warning", reason, `${what}: ${messageOf(error)}`);
}

function locate(pod: Pod): ObjectKey {
  const { namespace, name } = pod.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
