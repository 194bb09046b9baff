/**
 * Keeps one pod of a DaemonSet on each node that fits. Level-triggered: every reconcile looks at all
 * nodes, pods and revisions, decides in `daemonset/daemonset-plan.ts`, and acts here.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import {
  type ControllerRevision,
  controllerRevisions,
} from "../../kube/kinds/controllerrevision.ts";
import { type DaemonSet, daemonSets } from "../../kube/kinds/daemonset.ts";
import { type Node, nodes as nodeResource } from "../../kube/kinds/node.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { hashOf, REVISION_HASH } from "./controller-revision/revision-data.ts";
import { planRevision, surplusRevisions } from "./controller-revision/revision-plan.ts";
import { RevisionCollisionError, removeRevisions, writeRevision } from "./controller-revision.ts";
import { type DaemonSetPlan, planDaemonSet } from "./daemonset/daemonset-plan.ts";
import { podOnNode } from "./daemonset/pod-of-node.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { claim, planClaim } from "./ownership/claim.ts";
import { addOwnerIndexes, controlledBy, orphansIn } from "./ownership/owner-indexes.ts";
import { controllerOf } from "./ownership/owner-reference.ts";
import { claimSelector, selects } from "./ownership/owner-selector.ts";
import { isActive } from "./replicaset/pod-state.ts";
import { slowStart } from "./replicaset/slow-start.ts";

const NAME = "daemonset-controller";
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;
/** The cache's next event brings the set back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;

export function createDaemonSetController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const sets = informers.of(daemonSets);
  const revisions = informers.of(controllerRevisions);
  const pods = informers.of(podResource);
  const nodes = informers.of(nodeResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  /** Of revisions, whose cache moves on its own. */
  const ownRevisions = new OwnWrites(clock);
  addOwnerIndexes(revisions);
  addOwnerIndexes(pods);

  sets.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const key of ownersOf(pod)) queue.add(key);
  });
  revisions.onChange(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === "DaemonSet") queue.add(`${object.metadata.namespace ?? ""}/${owner.name}`);
  });

  nodes.onChange(({ object, previous }) => {
    // Heartbeats change nodes all the time, but nothing that counts here.
    if (previous !== undefined && deepEqual(factsOf(object), factsOf(previous))) return;
    for (const set of sets.list()) queue.add(keyOf(set));
  });

  function ownersOf(pod: Pod): readonly string[] {
    const { namespace = "", labels } = pod.metadata;
    const controller = controllerOf(pod);
    if (controller?.kind === "DaemonSet") return [`${namespace}/${controller.name}`];
    if (controller !== undefined) return [];
    return sets
      .list(namespace)
      .filter((set) => selects(set.spec?.selector, labels))
      .map(keyOf);
  }

  async function reconcile(key: string): Promise<Result> {
    const set = sets.get(key);
    if (set === undefined) {
      ownWrites.forget(key);
      ownRevisions.forget(key);
      return done;
    }
    // Asked before the caches are read: they can only get newer.
    const isBehind =
      ownWrites.isBehind(key, pods.revision) || ownRevisions.isBehind(key, revisions.revision);
    if (isBehind) return requeueAfter(STALE_RECHECK_MS);
    const owned = await claimPods(set);
    const known = await claimRevisions(set);
    if (set.metadata.deletionTimestamp !== undefined) return done;
    const planned = planRevision(daemonSets, set, known);
    const update = await settleRevision(set, planned);
    if (update === undefined) return done;
    const hash = hashOf(update);
    const plan = planDaemonSet({
      set,
      nodes: nodes.list(),
      pods: owned,
      hash,
      nowMs: clock.now(),
    });
    const failure = await act(set, hash, plan);
    await writeStatus(set, plan.status);
    if (failure !== undefined) throw failure;
    const used = new Set([hash, ...owned.map(({ metadata }) => metadata.labels?.[REVISION_HASH])]);
    await removeRevisions(
      client,
      surplusRevisions(set, planned.history, (revision) => used.has(hashOf(revision))),
    );
    return plan.lookAgainMs === undefined ? done : requeueAfter(plan.lookAgainMs);
  }

  async function claimPods(set: DaemonSet): Promise<readonly Pod[]> {
    const { namespace } = set.metadata;
    const candidates = [...controlledBy(pods, set), ...orphansIn(pods, namespace)];
    const planned = planClaim(set, claimSelector(set.spec?.selector), candidates, isActive);
    const action = { client, resource: podResource, ownerResource: daemonSets, owner: set };
    return await claim(action, planned);
  }

  async function claimRevisions(set: DaemonSet): Promise<readonly ControllerRevision[]> {
    const { namespace } = set.metadata;
    const candidates = [...controlledBy(revisions, set), ...orphansIn(revisions, namespace)];
    const planned = planClaim(set, claimSelector(set.spec?.selector), candidates);
    return await claim(
      { client, resource: controllerRevisions, ownerResource: daemonSets, owner: set },
      // Their labels are those of a template of the past: they stay, whatever is selected now.
      { ...planned, owned: [...planned.owned, ...planned.release], release: [] },
    );
  }

  /** Undefined when another name is to be tried, which the status tells. */
  async function settleRevision(
    set: DaemonSet,
    planned: ReturnType<typeof planRevision<DaemonSet>>,
  ): Promise<ControllerRevision | undefined> {
    try {
      const written = await writeRevision(client, set, planned);
      if (planned.write !== undefined) ownRevisions.note(keyOf(set), written);
      return written;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!(error instanceof RevisionCollisionError)) throw error;
      const { status = NO_STATUS } = set;
      const collisionCount = (status.collisionCount ?? 0) + 1;
      await writeStatus(set, { ...status, collisionCount });
      return undefined;
    }
  }

  /** What kept the plan from being carried out. */
  async function act(set: DaemonSet, hash: string, plan: DaemonSetPlan): Promise<unknown> {
    const outcomes = await Promise.allSettled(plan.remove.map((pod) => remove(set, pod)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    const waiting = [...plan.create];
    const created = await slowStart(waiting.length, async () => {
      const node = waiting.shift();
      if (node !== undefined) await create(set, hash, node);
    });
    if (created.error !== undefined && !isNamespaceTerminating(created.error)) return created.error;
    return failed?.reason;
  }

  async function create(set: DaemonSet, hash: string, node: string): Promise<void> {
    try {
      const template = set.spec?.template ?? {};
      const pod = await client.create(podResource, podOnNode(set, template, node, hash));
      ownWrites.note(keyOf(set), pod);
      events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!isNamespaceTerminating(error))
        events.record(set, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async function remove(set: DaemonSet, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      const preconditions = uid === undefined ? {} : { uid };
      const left = await client.delete(podResource, parseKey(keyOf(pod)), { preconditions });
      ownWrites.note(keyOf(set), left);
      events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      events.record(set, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  async function writeStatus(
    set: DaemonSet,
    status: NonNullable<DaemonSet["status"]>,
  ): Promise<void> {
    if (deepEqual(set.status, status)) return;
    try {
      await client.update(daemonSets, { ...set, status }, { subresource: "status" });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

/** What decides whether a pod fits. */
function factsOf({ metadata, spec }: Node) {
  return [metadata.labels, spec?.taints, spec?.unschedulable];
}

const NO_STATUS: NonNullable<DaemonSet["status"]> = {
  currentNumberScheduled: 0,
  desiredNumberScheduled: 0,
  numberMisscheduled: 0,
  numberReady: 0,
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
